"""Rotation and scaling of a spectrogram and its mask together, as pictures are augmented."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from birdedge.edge.errors import SettingsError


@dataclass(frozen=True)
class Augmentation:
    """How far an example is turned and stretched, drawn evenly; 0 leaves it as it is."""

    rotation_degrees: float = 0.0  # -rotation_degrees..rotation_degrees
    scaling: float = 0.0  # the size is 1 - scaling..1 + scaling of what it was

    def __post_init__(self) -> None:
        if not 0 <= self.rotation_degrees <= 180:
            raise SettingsError(f"rotation_degrees is {self.rotation_degrees}; it must lie in 0..180")
        if not 0 <= self.scaling < 1:
            raise SettingsError(f"scaling is {self.scaling}; it must be at least 0 and less than 1")


def augment(batch: tuple[Tensor, Tensor, Tensor], settings: Augmentation) -> tuple[Tensor, Tensor, Tensor]:
    """Turns and stretches each example about its middle; what comes in from outside has weight 0.

    Shape: input `[batch, channels, frames, bins]`, target and weight `[batch, frames, bins]`. Draws from torch's own
    random numbers.
    """
    if settings == Augmentation():
        return batch
    x, target, weight = batch
    examples, _, frames, bins = x.shape
    angle = (2 * torch.rand(examples) - 1) * math.radians(settings.rotation_degrees)
    size = 1 + (2 * torch.rand(examples) - 1) * settings.scaling
    cos, sin = torch.cos(angle) / size, torch.sin(angle) / size
    none = torch.zeros(examples)
    # The grid runs from -1 to 1 along either side, so an angle is one of pixels only with the sides' ratio.
    rows = [cos, -sin * frames / bins, none], [sin * bins / frames, cos, none]
    affine = torch.stack([torch.stack(row, dim=1) for row in rows], dim=1).to(x.device)
    places = F.affine_grid(affine, [examples, 1, frames, bins], align_corners=False)
    turned = F.grid_sample(x, places, padding_mode="border", align_corners=False)
    labels = torch.stack([target, weight], dim=1)
    labels = F.grid_sample(labels, places, mode="nearest", padding_mode="zeros", align_corners=False)
    return turned, labels[:, 0], labels[:, 1]
