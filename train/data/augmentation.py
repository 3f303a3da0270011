"""Rotation and scaling of a spectrogram together with its mask, as in image augmentation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.nn import functional

from birdedge.edge.errors import SettingsError
from birdedge.train.data.batch import Batch
from birdedge.train.data.class_cells import UNKNOWN


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random rotation and scaling of an example, drawn uniformly; 0 leaves it unchanged."""

    rotation_degrees: float = 0.0  # -rotation_degrees..rotation_degrees
    scaling: float = 0.0  # the size is multiplied by 1 - scaling..1 + scaling

    def __post_init__(self) -> None:
        if not 0 <= self.rotation_degrees <= 180:
            raise SettingsError(f"rotation_degrees is {self.rotation_degrees}; it must lie in 0..180")
        if not 0 <= self.scaling < 1:
            raise SettingsError(f"scaling is {self.scaling}; it must be at least 0 and less than 1")


def augment(batch: Batch, settings: Augmentation) -> Batch:
    """Return the batch with each example rotated and scaled about its centre; bins from outside get weight 0.

    The classes of sound become unknown. Draws from torch's global random generator.
    """
    if settings == Augmentation():
        return batch
    x, target, weight, sounds, _ = batch
    examples, _, frames, bins = x.shape
    angle = (2 * torch.rand(examples) - 1) * math.radians(settings.rotation_degrees)
    size = 1 + (2 * torch.rand(examples) - 1) * settings.scaling
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    none = torch.zeros(examples)
    # The sampling grid runs from -1 to 1 along both sides, so the aspect ratio converts the angle to pixels.
    rows = [cos, -sin * frames / bins, none], [sin * bins / frames, cos, none]
    affine = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1).to(x.device)
    grid = functional.affine_grid(affine, [examples, 1, frames, bins], align_corners=False)
    moved = functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    labels = torch.stack([target, weight], dim=1)
    labels = functional.grid_sample(labels, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return Batch(moved, labels[:, 0], labels[:, 1], torch.full_like(sounds, UNKNOWN))
