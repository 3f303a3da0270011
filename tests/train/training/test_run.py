"""Options that do not fit the data or the recipe of a run are refused before the run starts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from birdedge.edge.errors import DataError, SettingsError
from birdedge.train.networks.registry import build_network
from birdedge.train.networks.unet import UNetConfig
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.recipe import read_recipe
from tests.support.training import SHORT, SMALL, train_quietly, with_training


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"tier": "open"},
            r"is BirdSoundsDenoising, which has no tiers and is not mixed; leave out --tier and --cache",
        ),
        ({"cache": Path("kept")}, r"leave out --tier and --cache"),
    ],
)
def test_mixing_options_are_refused_for_pictures(
    picture_set: Path, tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        train_quietly(read_recipe("paper"), picture_set, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_the_images_option_is_refused_for_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="is not BirdSoundsDenoising and has no pictures; leave out --images"
    ):
        train_quietly(read_recipe("paper"), tmp_path, tmp_path / "run", from_images=True)


def test_the_initial_weights_of_another_network_are_refused(recordings: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    other = dataclasses.replace(SMALL, network=UNetConfig(dilations=(1, 2)))
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, build_network(other.network).state_dict(), other, {"threshold": 0.5})
    with pytest.raises(DataError, match="holds a different network from recipe small; leave out --from, or"):
        train_quietly(SMALL, recordings, tmp_path / "run", initial=path)
    assert not (tmp_path / "run").exists()


def test_initial_weights_for_shorter_frames_are_accepted_if_they_fit(
    recordings: Path, tmp_path: Path
) -> None:
    """Half the dilation is the same time."""
    network = UNetConfig(dilations=(1, 2), lookahead_frames=4)
    longer = dataclasses.replace(with_training(SHORT, windows_per_frame=2), network=network)
    paths = {}
    for dilations in ((2, 4), (2, 4, 8)):
        torch.manual_seed(1)
        shorter = dataclasses.replace(SHORT, network=UNetConfig(dilations=dilations))
        paths[dilations] = tmp_path / f"{len(dilations)}.safetensors"
        weights = build_network(shorter.network).state_dict()
        save_checkpoint(paths[dilations], weights, shorter, {"threshold": 0.5})
    with pytest.raises(DataError, match="holds a different network from recipe small"):
        train_quietly(longer, recordings, tmp_path / "run", initial=paths[2, 4, 8])
    best = load_checkpoint(train_quietly(longer, recordings, tmp_path / "run", initial=paths[2, 4]))
    assert best.recipe.network == network


def test_initial_weights_that_were_trained_with_another_dropout_are_accepted(
    recordings: Path, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    other = dataclasses.replace(SMALL, network=UNetConfig(dropout=0.3, class_dropout=0.2))
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, build_network(other.network).state_dict(), other, {"threshold": 0.5})
    train_quietly(SMALL, recordings, tmp_path / "run", initial=path)
    assert load_checkpoint(tmp_path / "run" / "best.safetensors").recipe.network == SMALL.network
