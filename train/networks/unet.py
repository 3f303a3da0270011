"""The network: a compact U-Net, causal in time, with explicit states.

Each convolution gets its past frames from a state tensor, which is passed in and out; time is not padded. A whole
sequence and a stream of chunks are the same computation, divided differently. Frequency is padded with zeros. Shapes
are `[batch, channels, frames, bins]` throughout.

    input   2 x T   x 256
    stem   16 x T/2 x 128 ------------ delay ------------- + dec1 - head: 4 x T/2 x 128 = T x 256
    down1  32 x T/4 x  64 ------------------------- + dec2
    down2  48 x T/4 x  32 ------------------ + dec3
    down3  64 x T/4 x  16 - dilated blocks -

A second head adds linear maps of the deepest level and of dec2: the log odds of each class of sound, 8 x T/4 x 64. They
are meant to be averaged over a region of the mask; the mean of a linear map is the map of the mean, so the average
over any region is a linear classifier of the mean activations of that region.

The mask of frame t is the output at frame t + lookahead: the fine skip is delayed to match the deep branch (branch
alignment as in Caillon & Esling 2022, arXiv 2204.07064).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from birdedge.edge.sound_classes import SOUND_CLASSES

TIME_STRIDE = 4  # frames per step of the deepest level, and of the class map
CLASS_BINS = 4  # bins per column of the class map


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of the network. `lookahead_frames` is a multiple of 4."""

    input_channels: int = 2
    bins: int = 256
    channels: tuple[int, int, int, int] = (16, 32, 48, 64)
    squeezed_channels: int = 32
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    lookahead_frames: int = 8
    dropout: float = 0.1
    class_dropout: float = 0.0  # of the channels from which the class map is computed
    classes: tuple[str, ...] = SOUND_CLASSES  # of the class map; the first is the target of the mask


class CausalConv(nn.Module):
    """Convolution, batch norm and ReLU; not padded in time, zero-padded in frequency.

    `past` is the shape `(channels, frames, bins)` of the input that must precede the next chunk.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        bins: int,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.past = (inputs, (kernel[0] - 1) * dilation + 1 - stride[0], bins)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, (0, 1), (dilation, 1), bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return the output for x, which starts with its past."""
        return functional.relu(self.norm(self.conv(x)))


class DilatedBlock(nn.Module):
    """A residual block that looks back over `2 * dilation` steps."""

    def __init__(self, channels: int, squeezed: int, bins: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.look = CausalConv(channels, squeezed, bins, dilation=dilation)
        self.widen = nn.Conv2d(squeezed, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, x: Tensor, with_past: Tensor) -> Tensor:
        """Return x plus the output of the convolution for x with its past."""
        return functional.relu(x + self.dropout(self.norm(self.widen(self.look(with_past)))))


class Up(nn.Module):
    """Upsampling of a deep map to the channels and grid of a skip, plus the skip."""

    def __init__(self, inputs: int, outputs: int, factor: tuple[int, int]) -> None:
        super().__init__()
        self.match = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.factor = factor

    def forward(self, deep: Tensor, skip: Tensor) -> Tensor:
        """Return the sum at the size of the skip."""
        matched = self.norm(self.match(deep))
        return functional.interpolate(matched, scale_factor=self.factor, mode="nearest") + skip


class UNet(nn.Module):
    """The compact network, `forward(x, states) -> (logits, class_logits, states)`."""

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        c1, c2, c3, c4 = config.channels
        b1, b2, b3, b4 = (config.bins // n for n in (2, 4, 8, 16))
        self.stem = CausalConv(config.input_channels, c1, config.bins, (4, 4), (2, 2))
        # The position in the spectrum separates wind from song; a convolution alone cannot see it.
        self.place = nn.Parameter(torch.zeros(1, c1, 1, b1))
        self.enc1 = CausalConv(c1, c1, b1)
        self.down1 = CausalConv(c1, c2, b1, (3, 4), (2, 2))
        self.enc2 = CausalConv(c2, c2, b2)
        self.down2 = CausalConv(c2, c3, b2, (1, 4), (1, 2))
        self.enc3 = CausalConv(c3, c3, b3)
        self.down3 = CausalConv(c3, c4, b3, (1, 4), (1, 2))
        self.blocks = nn.ModuleList(
            DilatedBlock(c4, config.squeezed_channels, b4, dilation, config.dropout)
            for dilation in config.dilations
        )
        self.up3, self.dec3 = Up(c4, c3, (1, 2)), CausalConv(c3, c3, b3)
        self.up2, self.dec2 = Up(c3, c2, (1, 2)), CausalConv(c2, c2, b2)
        self.up1, self.dec1 = Up(c2, c1, (2, 2)), CausalConv(c1, c1, b1)
        self.head = nn.Conv2d(c1, 4, 1)
        self.spread: nn.Module = nn.PixelShuffle(2)
        self.class_dropout = nn.Dropout2d(config.class_dropout)
        self.class_head = nn.Conv2d(c2, len(config.classes), 1)
        self.up_class = Up(c4, len(config.classes), (1, 4))
        # The fine branch is centred 4 frames back by itself; a delay adds the rest of the lookahead.
        self.delay = (c1, max(0, config.lookahead_frames - 4) // 2, b1)

    def state_shapes(self) -> list[tuple[int, int, int]]:
        """Return `(channels, frames, bins)` of each state, in the order of `forward`."""
        looks = [cast(DilatedBlock, block).look for block in self.blocks]
        encoder = [self.stem, self.enc1, self.down1, self.enc2, self.enc3, *looks]
        decoder = [self.dec3, self.dec2, self.dec1]
        delay = [self.delay] if self.delay[1] else []
        return [*(m.past for m in encoder), *(m.past for m in decoder[:2]), *delay, decoder[2].past]

    def initial_states(self, batch: int = 1) -> list[Tensor]:
        """Return zeros: a stream starts in silence."""
        place = self.place
        return [torch.zeros(batch, *s, dtype=place.dtype, device=place.device) for s in self.state_shapes()]

    def forward(
        self, x: Tensor, states: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Return logits, class logits and the states for the next chunk; without states, x starts in silence.

        Row t of the logits is the mask of frame t - lookahead. Row g of the class logits stands for the rows 4 g to
        4 g + 3 of the logits, column c for the bins 4 c to 4 c + 3.

        Shape: x `[batch, 2, frames, bins]`, frames a multiple of 4; logits `[batch, frames, bins]`; class logits
        `[batch, classes, frames / 4, bins / 4]`.
        """
        past, kept = iter(self.initial_states(len(x)) if states is None else states), list[Tensor]()

        def recall(new: Tensor) -> Tensor:
            """Return `new` after its past, and keep the end of both for the next chunk."""
            old = next(past)
            both = torch.cat([old, new], dim=2)
            kept.append(both[:, :, both.shape[2] - old.shape[2] :])
            return both

        fine = self.stem(recall(x))  # [batch, 16, T/2, 128]
        fine = self.enc1(recall(fine + self.place))
        middle = self.enc2(recall(self.down1(recall(fine))))  # [batch, 32, T/4, 64]
        coarse = self.enc3(recall(self.down2(middle)))  # [batch, 48, T/4, 32]
        deep = self.down3(coarse)  # [batch, 64, T/4, 16]
        for block in self.blocks:
            deep = block(deep, recall(deep))
        coarse = self.dec3(recall(self.up3(deep, coarse)))
        middle = self.dec2(recall(self.up2(coarse, middle)))
        class_logits = self.up_class(self.class_dropout(deep), self.class_head(self.class_dropout(middle)))
        late = recall(fine)[:, :, : fine.shape[2]] if self.delay[1] else fine
        fine = self.dec1(recall(self.up1(middle, late)))
        return self.spread(self.head(fine)).squeeze(1), class_logits, kept


def past_frames(network: UNet) -> int:
    """Return how many frames before the newest one a mask depends on: the receptive field of the layers."""
    looks = [cast(DilatedBlock, block).look for block in network.blocks]
    fine = [network.enc1, network.down1, network.dec1]
    coarse = [network.enc2, network.enc3, *looks, network.dec3, network.dec2]
    steps = sum(m.past[1] for m in fine) * TIME_STRIDE // 2 + sum(m.past[1] for m in coarse) * TIME_STRIDE
    return network.stem.past[1] + steps + TIME_STRIDE - 1
