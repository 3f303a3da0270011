"""Fixtures: a network with random weights and batch norms, and its exported files."""

from __future__ import annotations

import copy
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray

from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import InputScaling
from birdedge.export.equality import hard_sequences
from birdedge.export.export import Exported, export
from birdedge.export.graph import to_onnx
from birdedge.train.networks.unet import UNet, UNetConfig
from birdedge.train.training.checkpoint import save_checkpoint
from birdedge.train.training.recipe import Recipe
from tests.support.exports import FACTS, INT8_SETTINGS, Export, Graphs


@pytest.fixture(scope="session")
def network() -> UNet:
    """A small network in which no weight or bias is zero, so that every term of the computation counts."""
    torch.manual_seed(4)
    network = UNet(UNetConfig(channels=(8, 16, 24, 32), squeezed_channels=16))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0.0, 0.3)
            module.running_mean.normal_(0.0, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    torch.nn.init.normal_(network.place)
    return network.eval()


@pytest.fixture(scope="session")
def checkpoint(network: UNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "random.safetensors"
    save_checkpoint(path, network.state_dict(), Recipe(network=network.config), FACTS)
    return path


@pytest.fixture(scope="session")
def sequences() -> list[NDArray[np.float32]]:
    """Network input `[2, frames, bins]` of difficult audio."""
    return hard_sequences(Grid(), InputScaling())


@pytest.fixture(scope="session")
def graph(network: UNet) -> Graphs:
    """A function of frames per call and channels last that writes each graph once."""
    return cache(partial(to_onnx, network))


@pytest.fixture(scope="session")
def export_once(graph: Graphs) -> Export:
    """`export` of `checkpoint`, for which torch writes each graph only once: that takes it five seconds."""

    def written(_: UNet, chunk_frames: int, channels_last: bool = False, **__: int) -> onnx.ModelProto:
        return copy.deepcopy(graph(chunk_frames, channels_last))

    def export_without_torch(*arguments: Any) -> Exported:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("birdedge.export.export.to_onnx", written)
            return partial(export, progress=lambda _: None)(*arguments)

    return export_without_torch


@pytest.fixture(scope="session")
def exported(checkpoint: Path, export_once: Export, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one network in int8, in int8 with longer calls, in s8, and in fp32."""
    folder = tmp_path_factory.mktemp("exported")
    exported = export_once(checkpoint, folder / "mine.onnx", INT8_SETTINGS)
    assert exported.speed is not None
    assert exported.speed.times_faster > 0
    return folder
