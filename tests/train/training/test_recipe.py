"""A recipe is one TOML file without unknown keys."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.train.training.recipe import Recipe, read_recipe, recipe_from_table


def written(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_bundled_recipe_is_found_by_name_and_has_the_values_of_its_file() -> None:
    recipe = read_recipe("compact")
    assert recipe.name == "compact"
    file = resources.files("birdedge.train") / "recipes" / "compact.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    assert tables.keys() == {"network", "mixing", "training"}
    made = json.loads(json.dumps(recipe.as_table()))
    assert all(made[name][key] == value for name in tables for key, value in tables[name].items())


def test_a_recipe_has_the_name_of_its_file_and_defaults_for_missing_keys(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, "[training]\nseed = 7\nlearning_rate = 1\n"))
    assert recipe.name == "mine"
    assert (recipe.training.seed, recipe.training.learning_rate) == (7, 1.0)
    assert (recipe.network, recipe.mixing) == (Recipe().network, Recipe().mixing)


@pytest.mark.parametrize("name", ["compact", "paper", "swin", "teacher-deeplab", "distilled"])
def test_a_recipe_survives_json(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe_from_table(json.loads(json.dumps(recipe.as_table())), "again") == recipe


def test_the_paper_recipe_has_the_settings_of_the_paper() -> None:
    recipe = read_recipe("paper")
    training = recipe.training
    assert (training.optimizer, training.loss, training.input) == ("adam", "cross-entropy", "unit")
    assert (training.batch, training.epochs, training.patience) == (8, 35, 10)
    assert recipe.augmentation.rotation_degrees > 0
    assert recipe.augmentation.scaling > 0
    assert recipe.network.dropout > 0


def test_the_floor_input_matches_the_recorder_for_any_number_of_frames() -> None:
    frames = Spectrogram().push(np.random.default_rng(4).normal(0, 0.1, 512 + 256 * 41).astype(np.float32))
    assert len(frames) == 42
    given = Recipe().network_input(frames)
    assert given.shape == (2, 42, 256)
    assert np.array_equal(given[:, :40], NetworkInput().push(frames[:40])[0])


def test_the_unit_input_runs_from_the_floor_to_a_full_scale_tone() -> None:
    tone = np.cos(2 * np.pi * 4000 / 32000 * np.arange(32000)).astype(np.float32)
    recipe = read_recipe("paper")
    quiet, faint, full = (recipe.network_input(Spectrogram().push(tone * g)) for g in (0.0, 1e-2, 1.0))
    assert quiet.shape == (1, 124, 256)
    assert quiet.max() == pytest.approx(0, abs=1e-6)
    assert full.max() == pytest.approx(1.0, abs=1e-4)
    # 40 dB of the 142 dB between the floor and a full-scale tone.
    assert full.max() - faint.max() == pytest.approx(40 / 142.1, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[training]\nepoch = 3\n", r"\[training\] has the unknown key 'epoch'; did you mean 'epochs'\?"),
        ("[traning]\n", r"has the unknown key 'traning'; did you mean 'training'\?"),
        ("[mixing]\nframes = 'many'\n", r"\[mixing\]: frames is 'many'; it must be int"),
        ("[network]\nchannels = [1, 2]\n", r"channels needs 4 values, not 2"),
        ("network = 3\n", r"\[network\] must be a table, not 3"),
        ("[training]\nloss = 'l2'\n", r"loss is 'l2'; it must be one of cross-entropy, dice"),
        ("[training]\noptimizer = 'lion'\n", r"optimizer is 'lion'; it must be one of adam, adamw, sgd"),
        ("[training]\ninput = 'mel'\n", r"input is 'mel'; it must be one of floor, unit, picture"),
        ("[training]\ncached_examples = -1\n", r"cached_examples is -1; it must be at least 0"),
        ("[training]\nregion_weight = -0.5\n", r"region_weight is -0.5; it must be at least 0"),
        ("[mixing]\nframes = 130\n", r"frames is 130; it must be a multiple of 4, at least 4"),
        ("[training]\nteacher_share = 1.5\n", r"teacher_share is 1.5; it must lie in 0..1"),
        (
            "[mixing]\nunlabelled = 0.1\n",
            r"recipe mine uses unlabelled recordings, which need teachers, and has teacher_share 0; set",
        ),
        ("[augmentation]\nrotation = 3\n", r"'rotation'; did you mean 'rotation_degrees'\?"),
        ("[network]\nsystem = 'fc'\n", r"\[network\]: system is 'fc'; it must be one of compact, unet-paper"),
        (
            "[training]\ninput = 'unit'\n",
            r"the network takes 2 channels and input 'unit' has 1; set input_channels = 1 in \[network\]",
        ),
        ("[training]\nbatch = 0\n", r"batch is 0; it must be at least 1"),
        ("[training\n", r"mine.toml is not valid TOML"),
        ("[training]\nwindows_per_frame = 3", r"windows_per_frame is 3; it must be one of 1, 2, 4"),
        (
            "[mixing]\nframes = 68\n[training]\nwindows_per_frame = 2",
            r"frames in \[mixing\] is 68; with 2 windows per frame it must be a multiple of 8",
        ),
    ],
)
def test_an_invalid_recipe_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        read_recipe(written(tmp_path, text))


def test_an_unknown_recipe_is_refused_with_the_names_of_the_bundled_ones() -> None:
    with pytest.raises(
        SettingsError, match=r"there is no recipe 'huge'; give a .toml file or one of .*compact"
    ):
        read_recipe("huge")


def test_the_distilled_recipe_has_the_compact_network_and_the_mixing_of_its_teachers() -> None:
    compact, distilled, small = (read_recipe(name) for name in ("compact", "distilled", "small"))
    assert distilled.network == compact.network
    assert distilled.training.teacher_share == small.training.teacher_share == 0.8
    for name in ("teacher", "teacher-deeplab"):
        assert distilled.mixing == small.mixing == replace(read_recipe(name).mixing, unlabelled=0.1)
