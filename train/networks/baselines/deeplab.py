"""DeepLabV3+: an atrous pyramid over a small encoder, refined by one skip (Chen et al. 2018, arXiv 1802.02611)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from birdedge.train.networks.baselines.offline import OfflineConfig, conv_block


@dataclass(frozen=True)
class DeepLabConfig(OfflineConfig):
    """`channels` at full size, 1/2, 1/4 and 1/4; `rates` are the dilations of the 3x3 convolutions in the pyramid."""

    channels: tuple[int, int, int, int] = (16, 32, 64, 96)
    pyramid_channels: int = 48
    rates: tuple[int, ...] = (3, 6, 12)

    def body(self, inputs: int, outputs: int) -> nn.Module:
        """Return DeepLabV3+."""
        return DeepLab(self, inputs, outputs)


class DeepLab(nn.Module):
    """DeepLabV3+.

    Shape: `[batch, inputs, frames, bins] -> [batch, outputs, frames, bins]`, both sizes multiples of 4.
    """

    def __init__(self, config: DeepLabConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        c1, c2, c3, c4 = config.channels
        pyramid = config.pyramid_channels
        self.fine = conv_block(inputs, c1)
        self.deep = nn.Sequential(
            conv_block(c1, c2, stride=2),
            conv_block(c2, c2),
            conv_block(c2, c3, stride=2),
            conv_block(c3, c3),
            conv_block(c3, c4, dilation=2),
        )
        self.branches = nn.ModuleList(
            [conv_block(c4, pyramid, kernel=1), *(conv_block(c4, pyramid, dilation=r) for r in config.rates)]
        )
        # No batch norm: one value per channel leaves nothing to normalize over.
        self.whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c4, pyramid, 1), nn.ReLU())
        self.join = conv_block(pyramid * (2 + len(config.rates)), pyramid, kernel=1)
        self.dropout = nn.Dropout2d(config.dropout)
        self.refine = conv_block(pyramid + c1, c1)
        self.head = nn.Conv2d(c1, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the size of x."""
        fine = self.fine(x)
        deep = self.deep(fine)
        whole = self.whole(deep).expand(-1, -1, *deep.shape[2:])
        joined = self.join(torch.cat([*(branch(deep) for branch in self.branches), whole], dim=1))
        size = cast(tuple[int, int], tuple(fine.shape[2:]))
        large = functional.interpolate(self.dropout(joined), size, mode="bilinear", align_corners=False)
        out: Tensor = self.head(self.refine(torch.cat([large, fine], dim=1)))
        return out
