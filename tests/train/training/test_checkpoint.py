"""A network is rebuilt from its checkpoint alone, and a bad file is refused in a sentence."""

import json

import pytest
import torch
from safetensors.torch import save_file

from birdedge.edge.errors import ModelFileError, ModelMissingError, OutputError
from birdedge.train.networks.unet import UNet, UNetConfig
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.recipe import Recipe

RECIPE = Recipe(
    name="tiny", network=UNetConfig(channels=(8, 8, 16, 16), dilations=(1, 2), lookahead_frames=16)
)
FACTS = {"epoch": 3, "threshold": 0.47, "training_data": [{"kind": "birds", "files": 2}]}


@pytest.fixture
def network():
    torch.manual_seed(1)
    made = UNet(RECIPE.network)
    made.train()(torch.randn(2, 2, 64, 256))  # so that the batch norms have seen something
    return made.eval()


@pytest.fixture
def path(tmp_path, network):
    save_checkpoint(tmp_path / "best.safetensors", network.state_dict(), RECIPE, FACTS)
    return tmp_path / "best.safetensors"


@torch.no_grad()
def test_a_checkpoint_gives_back_the_network_its_recipe_and_facts(path, network):
    loaded = load_checkpoint(path)
    assert loaded.recipe == RECIPE
    assert loaded.facts == FACTS
    assert not loaded.network.training
    x = torch.randn(1, 2, 32, 256)
    assert torch.equal(loaded.network(x)[0], network(x)[0])


def test_saving_leaves_no_other_file_and_replaces_the_old_one(path, network):
    save_checkpoint(path, network.state_dict(), RECIPE, {"epoch": 4})
    assert load_checkpoint(path).facts == {"epoch": 4}
    assert [p.name for p in path.parent.iterdir()] == ["best.safetensors"]


def test_saving_where_nothing_can_be_written_is_refused(tmp_path, network):
    with pytest.raises(OutputError, match=r"the checkpoint .*best.safetensors cannot be written"):
        save_checkpoint(tmp_path / "nowhere" / "best.safetensors", network.state_dict(), RECIPE, FACTS)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelMissingError, match=r"there is no checkpoint .*none.safetensors; give a"):
        load_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize("kept_bytes", [0, 4, 100, 5000, -1])
def test_a_truncated_file_is_refused(path, kept_bytes):
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(ModelFileError, match=r"best.safetensors is not a checkpoint of `birdedge train`"):
        load_checkpoint(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
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
def test_a_safetensors_file_that_contradicts_itself_is_refused(tmp_path, network, metadata, sentence):
    path = tmp_path / "other.safetensors"
    save_file(network.state_dict(), path, metadata)
    with pytest.raises(ModelFileError, match=sentence):
        load_checkpoint(path)
