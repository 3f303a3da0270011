"""The finest level of the network with two rows as the channels of one: the same numbers in larger pieces.

A convolution of 2 or 16 channels is bound by gathering its input, not by arithmetic. With the rows 2 p and 2 p + 1 of
a map stacked as row p, it has twice the channels and half the rows. Its kernel then covers whole stacked rows, with
zeros for the rows that it did not cover before, so every output is the same sum. The states of the finest level are
stacked too.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn

from birdedge.train.networks.unet import TIME_STRIDE, CausalConv, UNet

ROWS = 2  # rows of the finest level that are stacked


class Unstack(nn.Module):
    """The logits of a stacked head: `[batch, 8, frames / 4, bins / 2] -> [batch, 1, frames, bins]`."""

    def forward(self, head: Tensor) -> Tensor:
        """Return the logits of each frame and bin."""
        batch, _, rows, columns = head.shape
        cells = head.permute(0, 2, 3, 1).reshape(batch, rows, columns, TIME_STRIDE, 2)
        return cells.permute(0, 1, 3, 2, 4).reshape(batch, 1, TIME_STRIDE * rows, 2 * columns)


def stack_rows(x: Tensor, rows: int) -> Tensor:
    """Return a map with every `rows` rows stacked as the channels of one.

    Shape: `[batch, channels, frames, bins] -> [batch, rows * channels, frames / rows, bins]`.
    """
    batch, channels, frames, bins = x.shape
    rows_apart = x.reshape(batch, channels, frames // rows, rows, bins)
    return rows_apart.permute(0, 3, 1, 2, 4).reshape(batch, rows * channels, frames // rows, bins)


def stack_finest_level(network: UNet) -> None:
    """Replace the finest level of a network whose batch norms are folded; its input is `stack_rows(x, TIME_STRIDE)`."""
    c1, delayed, b1 = network.delay
    network.stem, network.enc1, network.dec1 = (
        _stacked(module, ROWS) for module in (network.stem, network.enc1, network.dec1)
    )
    network.down1 = _stacked(network.down1, 1)
    network.place = nn.Parameter(network.place.repeat(1, ROWS, 1, 1))
    network.delay = ROWS * c1, delayed // ROWS, b1
    network.head, network.spread = _stacked_conv(network.head, ROWS, 0), Unstack()


def _stacked(module: CausalConv, outputs: int) -> CausalConv:
    channels, past, bins = module.past
    module.conv = _stacked_conv(module.conv, outputs, past)
    inputs = module.conv.in_channels // channels
    module.past = module.conv.in_channels, math.ceil(past / inputs), bins
    return module


def _stacked_conv(conv: nn.Conv2d, outputs: int, past: int) -> nn.Conv2d:
    """Return the convolution of stacked rows whose result is the stacked result of `conv`.

    Args:
        conv: A convolution that is not padded in time.
        outputs: Rows of its output that are stacked.
        past: Input rows before those at the time of the output.
    """
    stride = conv.stride[0]
    inputs = stride * outputs
    rows = math.ceil(past / inputs) + 1
    weight = conv.weight.new_zeros(
        outputs, conv.out_channels, inputs, conv.in_channels, rows, conv.kernel_size[1]
    )
    for output in range(outputs):
        for row in range(conv.kernel_size[0]):
            # Count rows from the first row in the stacked input row of the same time.
            at, place = divmod(stride * output + row - past, inputs)
            weight[output, :, place, :, rows - 1 + at] = conv.weight[:, :, row]
    stacked = nn.Conv2d(
        inputs * conv.in_channels,
        outputs * conv.out_channels,
        (rows, conv.kernel_size[1]),
        (1, conv.stride[1]),
        cast(tuple[int, int], conv.padding),
    )
    assert conv.bias is not None
    assert stacked.bias is not None
    with torch.no_grad():
        stacked.weight.copy_(weight.flatten(2, 3).flatten(0, 1))
        stacked.bias.copy_(conv.bias.repeat(outputs))
    return stacked
