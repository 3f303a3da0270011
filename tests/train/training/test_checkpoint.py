"""A network is rebuilt from its checkpoint alone, and unusable files are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from birdedge.edge.errors import ModelFileError, ModelMissingError, OutputError
from birdedge.train.networks.unet import UNet, UNetConfig
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.recipe import Recipe

NETWORK = UNetConfig(channels=(8, 8, 16, 16), dilations=(1, 2), lookahead_frames=16)
RECIPE = Recipe(name="tiny", network=NETWORK)
FACTS = {"epoch": 3, "threshold": 0.47, "training_data": [{"kind": "birds", "files": 2}]}


@pytest.fixture
def network() -> UNet:
    torch.manual_seed(1)
    made = UNet(NETWORK)
    made.train()(torch.randn(2, 2, 64, 256))  # gives the batch norms statistics
    return made.eval()


@pytest.fixture
def path(tmp_path: Path, network: UNet) -> Path:
    save_checkpoint(tmp_path / "best.safetensors", network.state_dict(), RECIPE, FACTS)
    return tmp_path / "best.safetensors"


@torch.no_grad()
def test_a_checkpoint_restores_the_network_its_recipe_and_facts(path: Path, network: UNet) -> None:
    loaded = load_checkpoint(path)
    assert loaded.recipe == RECIPE
    assert loaded.facts == FACTS
    assert not loaded.network.training
    x = torch.randn(1, 2, 32, 256)
    assert torch.equal(loaded.network(x)[0], network(x)[0])


def test_saving_leaves_no_other_file_and_replaces_the_old_one(path: Path, network: UNet) -> None:
    save_checkpoint(path, network.state_dict(), RECIPE, {"epoch": 4})
    assert load_checkpoint(path).facts == {"epoch": 4}
    assert [p.name for p in path.parent.iterdir()] == ["best.safetensors"]


def test_saving_to_a_missing_folder_is_refused(tmp_path: Path, network: UNet) -> None:
    with pytest.raises(OutputError, match=r"the checkpoint .*best.safetensors cannot be written"):
        save_checkpoint(tmp_path / "nowhere" / "best.safetensors", network.state_dict(), RECIPE, FACTS)


def test_the_error_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=r"there is no checkpoint .*none.safetensors; give a"):
        load_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize("kept_bytes", [0, 4, 100, 5000, -1])
def test_a_truncated_file_is_refused(path: Path, kept_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(ModelFileError, match=r"best.safetensors is not a checkpoint of `birdedge train`"):
        load_checkpoint(path)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(b"RIFF" + bytes(4000))
    with pytest.raises(ModelFileError, match=r"sound.wav is not a checkpoint of `birdedge train`"):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({}, "is a safetensors file but not a checkpoint"),
        ({"birdedge": "checkpoint 1"}, "is damaged or of another version of birdedge: .*recipe"),
        ({"birdedge": "checkpoint 1", "recipe": "{", "facts": "{}"}, "is damaged or of another version"),
        (
            {"birdedge": "checkpoint 1", "recipe": json.dumps({"network": {"depth": 9}}), "facts": "{}"},
            "is damaged or of another version of birdedge: .*unknown key 'depth'",
        ),
        (
            {"birdedge": "checkpoint 1", "recipe": "{}", "facts": "{}"},
            "holds weights that do not fit its own recipe",
        ),
    ],
)
def test_a_safetensors_file_that_contradicts_itself_is_refused(
    tmp_path: Path, network: UNet, metadata: dict[str, str], sentence: str
) -> None:
    path = tmp_path / "other.safetensors"
    save_file(network.state_dict(), path, metadata)
    with pytest.raises(ModelFileError, match=sentence):
        load_checkpoint(path)
