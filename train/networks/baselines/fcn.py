"""FCN-8s: the sum of scores at 1/8, 1/16 and 1/32 of the size (Long et al. 2015, arXiv 1411.4038)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from birdedge.train.networks.baselines.offline import OfflineConfig, conv_block


@dataclass(frozen=True)
class FCNConfig(OfflineConfig):
    """`channels` of the five stages, each half the size of the previous one."""

    channels: tuple[int, int, int, int, int] = (24, 32, 64, 96, 128)

    def body(self, inputs: int, outputs: int) -> nn.Module:
        """Return FCN-8s."""
        return FCN(self, inputs, outputs)


class FCN(nn.Module):
    """FCN-8s.

    Shape: `[batch, inputs, frames, bins] -> [batch, outputs, frames, bins]`, both sizes multiples of 32.
    """

    def __init__(self, config: FCNConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = (inputs, *config.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(conv_block(a, b), conv_block(b, b), nn.MaxPool2d(2)) for a, b in pairwise(widths)
        )
        self.dropout = nn.Dropout2d(config.dropout)
        self.scores = nn.ModuleList(nn.Conv2d(width, outputs, 1) for width in config.channels[2:])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the size of x."""
        size = cast(tuple[int, int], tuple(x.shape[2:]))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        eighth, sixteenth, last = (s(self.dropout(m)) for s, m in zip(self.scores, maps[2:], strict=True))
        total = sixteenth + _enlarge(last, 2)
        total = eighth + _enlarge(total, 2)
        return functional.interpolate(total, size, mode="bilinear", align_corners=False)


def _enlarge(x: Tensor, factor: int) -> Tensor:
    return functional.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
