"""Offline networks take any length, return a mask of that length, and are rebuilt from a checkpoint alone."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from birdedge.edge.errors import ExtraMissingError, SettingsError
from birdedge.train.networks.baselines.monai_networks import ViTConfig
from birdedge.train.networks.baselines.offline import OfflineNetwork
from birdedge.train.networks.baselines.segnet import SegNetConfig
from birdedge.train.networks.registry import (
    SYSTEMS,
    Network,
    build_network,
    config_as_table,
    config_from_table,
)
from birdedge.train.networks.unet import UNet
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.recipe import read_recipe

RECIPES = ("paper", "attention-unet", "fcn", "segnet", "deeplab", "vit", "swin")


def seeded(recipe: str) -> Network:
    torch.manual_seed(1)
    return build_network(read_recipe(recipe).network).eval()


def test_every_system_has_a_recipe() -> None:
    named = {config_as_table(read_recipe(name).network)["system"] for name in (*RECIPES, "compact")}
    assert named == set(SYSTEMS)


@torch.no_grad()
@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("frames", [1, 100, 257])
def test_the_mask_has_as_many_frames_as_the_input(recipe: str, frames: int) -> None:
    network = seeded(recipe)
    logits, class_logits, states = network(torch.randn(2, network.config.input_channels, frames, 256))
    assert logits.shape == (2, frames, 256)
    assert class_logits is None
    assert states == []
    assert network.config.lookahead_frames == 0


@torch.no_grad()
@pytest.mark.parametrize("recipe", RECIPES)
def test_padding_with_silence_does_not_change_the_mask(recipe: str) -> None:
    network = seeded(recipe)
    x = torch.randn(1, network.config.input_channels, 200, 256)
    assert isinstance(network, OfflineNetwork)
    longer = functional.pad(x, (0, 0, 0, -200 % network.config.multiple_frames))
    assert longer.shape[2] > 200
    torch.testing.assert_close(network(x)[0], network(longer)[0][:, :200])


@torch.no_grad()
@pytest.mark.parametrize("recipe", RECIPES)
def test_an_offline_network_looks_ahead_and_cannot_stream(recipe: str) -> None:
    """The mask of the compact network depends on no frame after its lookahead."""
    offline, compact = seeded(recipe), UNet().eval()
    ahead = {}
    for network in (offline, compact):
        x = torch.randn(1, network.config.input_channels, 256, 256)
        changed = x.clone()
        changed[:, :, 128:] = 0
        difference = (network(x)[0] - network(changed)[0]).abs().amax(dim=2)[0]
        ahead[network] = 128 - int(torch.nonzero(difference)[0])
    assert ahead[compact] == 0  # in rows of the output, each `lookahead_frames` late
    assert ahead[offline] >= 4


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_few_steps_reduce_the_loss(recipe: str) -> None:
    network = seeded(recipe).train()
    torch.manual_seed(2)
    x = torch.randn(2, network.config.input_channels, 64, 256)
    target = (functional.avg_pool2d(x[:, 0], 9, 1, 4) > 0.1).float()
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(12):
        loss = functional.binary_cross_entropy_with_logits(network(x)[0], target)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


@torch.no_grad()
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_checkpoint_alone_rebuilds_the_network(recipe: str, tmp_path: Path) -> None:
    network, settings = seeded(recipe), read_recipe(recipe)
    save_checkpoint(tmp_path / "best.safetensors", network.state_dict(), settings, {"threshold": 0.5})
    loaded = load_checkpoint(tmp_path / "best.safetensors")
    assert loaded.recipe == settings
    x = torch.randn(1, network.config.input_channels, 64, 256)
    assert torch.equal(loaded.network(x)[0], network(x)[0])


@torch.no_grad()
def test_the_vision_transformer_processes_each_window_separately() -> None:
    network = seeded("vit")
    assert isinstance(network.config, ViTConfig)
    x = torch.randn(1, 2, 512, 256)
    alone = [network(x[:, :, at : at + 256])[0] for at in (0, 256)]
    torch.testing.assert_close(network(x)[0], torch.cat(alone, dim=1), rtol=1e-4, atol=1e-4)


def test_a_fold_of_two_gives_the_first_layer_four_times_the_channels() -> None:
    config = read_recipe("segnet").network
    assert isinstance(config, SegNetConfig)
    for fold, channels in ((1, 2), (2, 8)):
        network = build_network(dataclasses.replace(config, fold=fold))
        first = next(module for module in network.modules() if isinstance(module, torch.nn.Conv2d))
        assert first.in_channels == channels


def test_without_monai_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "monai.networks", None)
    with pytest.raises(
        ExtraMissingError, match=r"needs monai.*not installed: pip install 'birdedge\[systems\]'"
    ):
        build_network(read_recipe("swin").network)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"system": "resnet"}, "system is 'resnet'; it must be one of compact, unet-paper, attention-unet"),
        ({"system": "segnet", "rates": [1]}, "unknown key 'rates'"),
        ({"system": "deeplab", "rate": [1]}, "unknown key 'rate'; did you mean 'rates'?"),
        ({"dilation": [1]}, "unknown key 'dilation'; did you mean 'dilations'"),
        (3, "must be a table, not 3"),
    ],
)
def test_an_invalid_network_is_refused(table: object, sentence: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        config_from_table(table, "mine.toml, [network]")  # type: ignore[arg-type]
    assert sentence in str(refusal.value)
