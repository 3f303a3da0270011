"""Teachers: trained networks whose probabilities another network learns, in addition to the labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from birdedge.edge.errors import DataError, SettingsError
from birdedge.train.data.class_cells import CELL_FRAMES
from birdedge.train.training.checkpoint import Checkpoint, load_checkpoint
from birdedge.train.training.recipe import Recipe


def load_teachers(paths: Sequence[Path], recipe: Recipe) -> list[Checkpoint]:
    """Return the teachers of a recipe: none if its `teacher_share` is 0.

    Raises:
        SettingsError: The recipe needs teachers and none is given, or the reverse.
        DataError: A teacher takes another input.
        ModelError: A checkpoint cannot be read.
    """
    share, own_input = recipe.training.teacher_share, recipe.training.input
    if share and not paths:
        raise SettingsError(
            f"recipe {recipe.name} learns from teachers (teacher_share {share}); give a checkpoint with --teacher"
        )
    if paths and not share:
        raise SettingsError(
            f"recipe {recipe.name} learns from labels alone (teacher_share 0); leave out --teacher, or give a recipe "
            "like distilled"
        )
    teachers = [load_checkpoint(path) for path in paths]
    for path, teacher in zip(paths, teachers, strict=True):
        if teacher.recipe.training.input != own_input:
            raise DataError(
                f"the teacher {path} takes input {teacher.recipe.training.input!r} but recipe {recipe.name} has "
                f"{own_input!r}; give a teacher trained on {own_input!r}"
            )
    windows = {teacher.recipe.training.windows_per_frame for teacher in teachers}
    own_windows = recipe.training.windows_per_frame
    if len(windows) > 1 or any(own_windows % each for each in windows):
        raise DataError(
            f"the teachers take frames of {', '.join(map(str, sorted(windows)))} windows and recipe {recipe.name} of "
            f"{own_windows}; give teachers that share one number, of which that of the recipe is a multiple"
        )
    return teachers


@torch.no_grad()
def mean_probabilities(
    networks: Sequence[Any], x: Tensor, frames_per_frame: int = 1
) -> tuple[Tensor, Tensor | None]:
    """Return the mean probability of the teachers, from the first frame up to the last that all of them see.

    Row t of a network's output is the mask of frame t - lookahead. The second value is the mean probability of each
    class over the teachers that have a class map, or None if no teacher has one. If a frame of the student is as long
    as several of the teachers, both are averaged over them.

    Shape: `[batch, channels, frames, bins] -> [batch, frames - longest lookahead, bins]` and
    `[batch, classes, (frames - lookahead) / 4, bins / 4]`, divided by `frames_per_frame` along time.
    """
    masks, classes = [], []
    for network in networks:
        late = network.config.lookahead_frames
        logits, class_logits, _ = network(x.to(memory_format=torch.channels_last))
        masks.append(torch.sigmoid(logits[:, late:].float()))
        if class_logits is not None:
            classes.append(torch.softmax(class_logits[:, :, late // CELL_FRAMES :].float(), dim=1))
    frames = min(mask.shape[1] for mask in masks)
    steps = min((one.shape[2] for one in classes), default=0)

    def mean(parts: list[Tensor]) -> Tensor:
        return functional.avg_pool2d(torch.stack(parts).mean(dim=0), (frames_per_frame, 1))

    return (
        mean([mask[:, :frames] for mask in masks]),
        mean([one[:, :, :steps] for one in classes]) if classes else None,
    )
