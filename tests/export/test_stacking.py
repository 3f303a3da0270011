"""The stacked finest level computes the same numbers as the network."""

from __future__ import annotations

import pytest
import torch

from birdedge.export.graph import Step
from birdedge.export.stacking import stack_rows
from birdedge.train.networks.unet import UNet, UNetConfig


@pytest.mark.parametrize("lookahead_frames", [0, 8, 16])
def test_the_stacked_network_as_a_stream_equals_the_network_on_the_whole_sequence(
    lookahead_frames: int,
) -> None:
    torch.manual_seed(lookahead_frames)
    network = UNet(UNetConfig(channels=(4, 6, 8, 10), lookahead_frames=lookahead_frames)).eval()
    torch.nn.init.normal_(network.place)
    frames = torch.randn(1, 2, 96, 256)
    stacked = Step(network, channels_last=True)
    states = stacked.initial_states()
    masks, class_maps = [], []
    with torch.no_grad():
        logits, class_logits, _ = network(frames)
        for chunk in frames.split(12, dim=2):
            mask, classes, *states = stacked(chunk, *states)
            masks.append(mask)
            class_maps.append(classes)
    torch.testing.assert_close(torch.cat(masks, dim=1), torch.sigmoid(logits))
    torch.testing.assert_close(torch.cat(class_maps, dim=1), class_logits.permute(0, 2, 3, 1))


def test_stacking_turns_rows_into_channels() -> None:
    x = torch.arange(2 * 4 * 3).reshape(1, 2, 4, 3)
    stacked = stack_rows(x, 2)
    assert stacked.shape == (1, 4, 2, 3)
    assert torch.equal(stacked[0, :2], x[0, :, ::2])
    assert torch.equal(stacked[0, 2:], x[0, :, 1::2])
