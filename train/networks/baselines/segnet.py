"""SegNet: the decoder unpools each value to the place that the encoder pooled it from.

Badrinarayanan et al. 2017, arXiv 1511.00561.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from birdedge.train.networks.baselines.offline import OfflineConfig, conv_block


@dataclass(frozen=True)
class SegNetConfig(OfflineConfig):
    """`channels` of the encoder's stages; the decoder mirrors them."""

    channels: tuple[int, int, int, int] = (16, 32, 64, 96)

    def body(self, inputs: int, outputs: int) -> nn.Module:
        """Return SegNet."""
        return SegNet(self, inputs, outputs)


class SegNet(nn.Module):
    """SegNet.

    Shape: `[batch, inputs, frames, bins] -> [batch, outputs, frames, bins]`, both sizes multiples of 16.
    """

    def __init__(self, config: SegNetConfig, inputs: int, outputs: int) -> None:
        super().__init__()
        widths = (inputs, *config.channels)
        pairs = list(pairwise(widths))
        self.encoders = nn.ModuleList(nn.Sequential(conv_block(a, b), conv_block(b, b)) for a, b in pairs)
        # The last decoder keeps its width for the head.
        backwards = [(b, max(a, widths[1])) for a, b in reversed(pairs)]
        self.decoders = nn.ModuleList(nn.Sequential(conv_block(a, a), conv_block(a, b)) for a, b in backwards)
        self.dropout = nn.Dropout2d(config.dropout)
        self.head = nn.Conv2d(widths[1], outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits at the size of x."""
        places = []
        for encoder in self.encoders:
            x, place = functional.max_pool2d(encoder(x), 2, return_indices=True)
            places.append(place)
        x = self.dropout(x)
        for decoder, place in zip(self.decoders, reversed(places), strict=True):
            x = decoder(functional.max_unpool2d(x, place, [2, 2]))
        out: Tensor = self.head(x)
        return out
