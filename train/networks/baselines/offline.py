"""What all offline systems share: they take a spectrogram of any length, as a picture, and give its mask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class OfflineConfig(ABC):
    """Sizes of an offline network. `fold` joins fold x fold bins into channels, as the compact network's stem does."""

    input_channels: int = 2
    fold: int = 2
    dropout: float = 0.1

    @property
    def lookahead_frames(self) -> int:
        """0: row t of the output is frame t, since the whole sound is there at once."""
        return 0

    @property
    def multiple_frames(self) -> int:
        """Lengths that the network can take are multiples of this; others are padded."""
        return 32 * self.fold

    @abstractmethod
    def body(self, inputs: int, outputs: int) -> nn.Module:
        """A network `[batch, inputs, frames, bins] -> [batch, outputs, frames, bins]`."""


class OfflineNetwork(nn.Module):
    """`forward(x) -> (logits, [])`, as the compact network is called.

    Shape: x `[batch, channels, frames, 256]` of any number of frames; logits `[batch, frames, 256]`.
    """

    def __init__(self, config: OfflineConfig) -> None:
        super().__init__()
        self.config = config
        self.body = config.body(config.input_channels * config.fold**2, config.fold**2)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        frames, fold = x.shape[2], self.config.fold
        x = F.pad(x, (0, 0, 0, -frames % self.config.multiple_frames))
        logits = F.pixel_shuffle(self.body(F.pixel_unshuffle(x, fold)), fold)
        return logits[:, 0, :frames], []


def conv_block(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Convolution that keeps the size (but for the stride), batch norm, ReLU."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
