"""Teachers: trained networks whose probabilities another learns, beside the labels."""

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
    """The checkpoints that `recipe` is to learn from: none where its `teacher_share` is 0.

    Raises: SettingsError where the recipe wants teachers and none is given, or the reverse; DataError for a teacher
    of another input; what `load_checkpoint` raises.
    """
    share, given = recipe.training.teacher_share, recipe.training.input
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
        if teacher.recipe.training.input != given:
            raise DataError(
                f"the teacher {path} takes input {teacher.recipe.training.input!r} and recipe {recipe.name} gives "
                f"{given!r}; give a teacher trained on {given!r}"
            )
    return teachers


@torch.no_grad()
def mean_probability(networks: Sequence[Any], x: Tensor) -> Tensor:
    """What the teachers hold each bin for, from the first frame on, as far as the one that looks ahead farthest.

    Row t of an output is the mask of frame t - lookahead. Shape: `[batch, channels, frames, bins] ->
    [batch, frames - longest lookahead, bins]`.
    """
    told = []
    for network in networks:
        logits, _ = network(x.to(memory_format=torch.channels_last))
        told.append(torch.sigmoid(logits[:, network.config.lookahead_frames :].float()))
    kept = min(probability.shape[1] for probability in told)
    return torch.stack([probability[:, :kept] for probability in told]).mean(dim=0)
