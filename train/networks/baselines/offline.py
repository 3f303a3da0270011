"""The interface of offline networks: from a spectrogram of any length, as a picture, to its mask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class OfflineConfig(ABC):
    """Sizes of an offline network. `fold` moves fold x fold bins into channels, like the compact network's stem."""

    input_channels: int = 2
    fold: int = 2
    dropout: float = 0.1

    @property
    def lookahead_frames(self) -> int:
        """0: row t of the output is frame t."""
        return 0

    @property
    def multiple_frames(self) -> int:
        """The network's input length is a multiple of this many frames; other lengths are padded."""
        return 32 * self.fold

    @abstractmethod
    def body(self, inputs: int, outputs: int) -> nn.Module:
        """Return a network `[batch, inputs, frames, bins] -> [batch, outputs, frames, bins]`."""


class OfflineNetwork(nn.Module):
    """An offline network with the signature of the compact one: `forward(x) -> (logits, None, [])`."""

    def __init__(self, config: OfflineConfig) -> None:
        super().__init__()
        self.config = config
        self.body = config.body(config.input_channels * config.fold**2, config.fold**2)

    def forward(self, x: Tensor) -> tuple[Tensor, None, list[Tensor]]:
        """Return the logits of each frame, no class logits and no states.

        Shape: x `[batch, channels, frames, 256]`, any number of frames; logits `[batch, frames, 256]`.
        """
        frames, fold = x.shape[2], self.config.fold
        x = functional.pad(x, (0, 0, 0, -frames % self.config.multiple_frames))
        logits = functional.pixel_shuffle(self.body(functional.pixel_unshuffle(x, fold)), fold)
        return logits[:, 0, :frames], None, []


def conv_block(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Return a convolution that keeps the size (except for the stride), batch norm and ReLU."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
