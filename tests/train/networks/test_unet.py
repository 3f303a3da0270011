"""The network computes the same in streaming as in training, never looks past its lookahead, and stays compact."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from birdedge.edge.sound_classes import SOUND_CLASSES
from birdedge.train.networks.unet import CLASS_BINS, TIME_STRIDE, UNet, UNetConfig, past_frames

FRAMES = 192


def a_network(lookahead_frames: int = 8, seed: int = 1) -> UNet:
    """A network with random weights and, as after training, batch-norm statistics far from 0 and 1."""
    torch.manual_seed(seed)
    network = UNet(UNetConfig(lookahead_frames=lookahead_frames)).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight)
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0.0, 0.3)
            module.running_var.uniform_(0.3, 3.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0.0, 0.3)
    torch.nn.init.normal_(network.place, 0.0, 0.5)
    for weights in (network.head.weight, network.class_head.weight, network.up_class.match.weight):
        torch.nn.init.normal_(weights, 0.0, 0.05)  # small logits, as after training
    return network


def an_input(frames: int = FRAMES, batch: int = 1, seed: int = 2) -> Tensor:
    return torch.randn(batch, 2, frames, 256, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def logits_of(network: UNet, x: Tensor) -> Tensor:
    logits: Tensor = network(x)[0]
    return logits


@pytest.mark.parametrize("lookahead_frames", [0, 8, 16])
@pytest.mark.parametrize("chunk_frames", [4, 8, 16, 64])
@torch.no_grad()
def test_a_stream_of_chunks_equals_the_whole_sequence(lookahead_frames: int, chunk_frames: int) -> None:
    network, x = a_network(lookahead_frames), an_input()
    states, parts, class_parts = network.initial_states(), [], []
    for i in range(0, FRAMES, chunk_frames):
        logits, class_logits, states = network(x[:, :, i : i + chunk_frames], states)
        parts.append(logits)
        class_parts.append(class_logits)
    whole, whole_classes, _ = network(x)
    assert whole.std() > 0.5
    assert whole_classes.std(dim=1).min() > 0.1
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-5)
    # Relative, too: these logits reach 5, and the rounding differs between processors.
    torch.testing.assert_close(torch.cat(class_parts, dim=2), whole_classes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lookahead_frames", [0, 8, 16])
def test_states_have_the_stated_shapes_in_order_before_and_after_a_step(lookahead_frames: int) -> None:
    network = a_network(lookahead_frames)
    before = network.initial_states(batch=3)
    _, _, after = network(an_input(8, batch=3), before)
    shapes = [(3, *shape) for shape in network.state_shapes()]
    assert [tuple(s.shape) for s in before] == shapes
    assert [tuple(s.shape) for s in after] == shapes
    assert all(not s.any() for s in before)


def test_the_default_network_has_the_expected_state_shapes() -> None:
    assert UNet().state_shapes() == [
        (2, 2, 256),
        (16, 2, 128),
        (16, 1, 128),
        (32, 2, 64),
        (48, 2, 32),
        (64, 2, 16),
        (64, 4, 16),
        (64, 8, 16),
        (64, 16, 16),
        (48, 2, 32),
        (32, 2, 64),
        (16, 2, 128),
        (16, 2, 128),
    ]


@pytest.mark.parametrize("lookahead_frames", [0, 8, 16])
@pytest.mark.parametrize("last_frame", [95, 96, 97, 98, 99])
def test_frames_after_the_lookahead_and_the_stride_do_not_change_the_mask(
    lookahead_frames: int, last_frame: int
) -> None:
    """Row r, the mask of frame r - lookahead, needs the input up to the end of its group of four."""
    network, x = a_network(lookahead_frames), an_input()
    changed = x.clone()
    changed[:, :, last_frame + 1 :] += 1.0
    same = (logits_of(network, x) == logits_of(network, changed)).all(dim=(0, 2))
    unchanged_rows = (last_frame + 1) // TIME_STRIDE * TIME_STRIDE
    assert unchanged_rows >= last_frame - (TIME_STRIDE - 1) + 1
    assert same[:unchanged_rows].all()
    assert not same[unchanged_rows:].any()


@pytest.mark.parametrize("lookahead_frames", [0, 8, 16])
def test_the_receptive_field_follows_from_the_kernels(lookahead_frames: int) -> None:
    network = a_network(lookahead_frames)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()  # nothing cancels: every frame in reach has an effect
    x = an_input(320).abs().requires_grad_()
    row = 300  # first of its group of four
    network(x)[0][0, row : row + TIME_STRIDE].sum().backward()
    assert x.grad is not None
    seen = torch.nonzero(x.grad.abs().sum(dim=(0, 1, 3))).flatten()
    assert past_frames(network) == 167  # 1.3 s
    assert seen.tolist() == list(range(row - 164, row + TIME_STRIDE))


@pytest.mark.parametrize("lookahead_frames", [0, 8, 16])
@pytest.mark.parametrize("last_frame", [95, 96, 99])
@torch.no_grad()
def test_frames_after_a_group_of_four_do_not_change_the_classes_of_its_row(
    lookahead_frames: int, last_frame: int
) -> None:
    """Row g of the class logits needs the input that the rows 4 g to 4 g + 3 of the logits need, and no later one."""
    network, x = a_network(lookahead_frames), an_input()
    changed = x.clone()
    changed[:, :, last_frame + 1 :] += 1.0
    same = (network(x)[1] == network(changed)[1]).all(dim=3).all(dim=1)[0]
    unchanged_rows = (last_frame + 1) // TIME_STRIDE
    assert same[:unchanged_rows].all()
    assert not same[unchanged_rows:].any()


def test_a_class_looks_back_no_further_than_a_mask_and_is_centred_on_its_bins() -> None:
    network = a_network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()  # nothing cancels: every frame and bin in reach has an effect
    row = 75
    for column in range(20, 44):
        x = an_input(320).abs().requires_grad_()
        network(x)[1][0, :, row, column].sum().backward()
        assert x.grad is not None
        seen = torch.nonzero(x.grad.abs().sum(dim=(0, 1, 3))).flatten()
        assert seen.tolist() == list(range(TIME_STRIDE * row - 160, TIME_STRIDE * (row + 1)))
        effect = x.grad.sum(dim=(0, 1, 2))
        centre = float((effect * torch.arange(256)).sum() / effect.sum())
        assert centre == pytest.approx(CLASS_BINS * column + 1.5, abs=2.0)
        assert effect.argmax() // CLASS_BINS == column


def test_each_member_of_a_batch_has_its_own_class_map() -> None:
    network, x = a_network(), an_input(64, batch=3)
    with torch.no_grad():
        together, alone = network(x)[1], [network(x[i : i + 1])[1] for i in range(3)]
    assert together.shape == (3, len(SOUND_CLASSES), 16, 64)
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_the_network_has_at_most_250_thousand_parameters() -> None:
    assert 100_000 < sum(p.numel() for p in UNet().parameters()) <= 250_000


def test_the_members_of_a_batch_are_independent() -> None:
    network, x = a_network(), an_input(64, batch=3)
    together = logits_of(network, x)
    assert together.shape == (3, 64, 256)
    for i in range(3):
        torch.testing.assert_close(together[i : i + 1], logits_of(network, x[i : i + 1]), rtol=0, atol=1e-5)


def test_dropout_acts_in_training_only() -> None:
    network, x = a_network(), an_input(64)
    assert torch.equal(logits_of(network, x), logits_of(network, x))
    network.blocks.train()
    assert not torch.equal(logits_of(network, x), logits_of(network, x))


def test_every_weight_learns() -> None:
    network = UNet(dataclasses.replace(UNetConfig(), dropout=0.0)).train()
    logits, class_logits, _ = network(an_input(64, batch=2))
    (logits.square().mean() + class_logits.square().mean()).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
