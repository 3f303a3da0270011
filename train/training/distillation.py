"""Teachers: trained networks with probabilities that another network learns, in addition to the labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from birdedge.edge.errors import DataError, SettingsError
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
                f"the teacher {path} takes input {teacher.recipe.training.input!r} and recipe {recipe.name} has "
                f"{own_input!r}; give a teacher trained on {own_input!r}"
            )
    return teachers


@torch.no_grad()
def mean_probability(networks: Sequence[Any], x: Tensor) -> Tensor:
    """Return the mean probability of the teachers, from the first frame up to the last that all of them see.

    Row t of a network's output is the mask of frame t - lookahead.

    Shape: `[batch, channels, frames, bins] -> [batch, frames - longest lookahead, bins]`.
    """
    probabilities = []
    for network in networks:
        logits, _, _ = network(x.to(memory_format=torch.channels_last))
        probabilities.append(torch.sigmoid(logits[:, network.config.lookahead_frames :].float()))
    frames = min(probability.shape[1] for probability in probabilities)
    return torch.stack([probability[:, :frames] for probability in probabilities]).mean(dim=0)
