"""Spectrograms and labels with several windows per frame, from those of the default grid, which has one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from birdedge.train.data.class_cells import BIRD, UNKNOWN
from birdedge.train.data.labels import Float32
from birdedge.train.data.stft import GRID


def coarser_level(level: Float32, windows: int) -> Float32:
    """Return the log magnitude of the mean power of `windows` frames each.

    Shape: `[frames, bins] -> [frames / windows, bins]`.
    """
    if windows == 1:
        return level
    floor = np.float32(GRID.magnitude_floor)
    power = np.square(np.maximum(np.exp(level) - floor, 0)).reshape(-1, windows, level.shape[1])
    coarse: Float32 = np.log(np.sqrt(power.mean(axis=1)) + floor)
    return coarse


def coarser_labels(
    target: Tensor, weight: Tensor, sounds: Tensor, windows: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return target, weight and classes for frames of several windows.

    A bin is the target if it is for one of the windows, and has weight if it has for one. A cell is BIRD if one of its
    parts is, otherwise UNKNOWN if one is, otherwise of the class of the first.

    Shape: target and weight `[frames, bins]`, classes `[frames / 4, bins / 4]`; frames is divided by `windows`.
    """
    if windows == 1:
        return target, weight, sounds
    kept = weight.bool()
    windows_of_target = (target.bool() & kept).reshape(-1, windows, target.shape[1])
    windows_with_weight = kept.reshape(-1, windows, kept.shape[1])
    parts = sounds.reshape(-1, windows, sounds.shape[1])
    known = torch.where((parts == UNKNOWN).any(dim=1), UNKNOWN, parts[:, 0])
    cells = torch.where((parts == BIRD).any(dim=1), BIRD, known)
    return windows_of_target.any(dim=1), windows_with_weight.any(dim=1), cells
