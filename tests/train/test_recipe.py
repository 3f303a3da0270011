"""A run's settings are one TOML file with no unknown keys."""

import json
import tomllib
from importlib import resources

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.train.recipe import Recipe, read_recipe, recipe_from_table


def written(folder, text):
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_own_recipe_is_found_by_name_and_holds_what_its_file_says():
    recipe = read_recipe("compact")
    assert recipe.name == "compact"
    file = resources.files("birdedge.train") / "recipes" / "compact.toml"
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    assert tables.keys() == {"network", "mixing", "training"}
    made = json.loads(json.dumps(recipe.as_table()))
    assert all(made[name][key] == value for name in tables for key, value in tables[name].items())


def test_a_file_gives_its_own_name_and_what_it_leaves_out_is_the_default(tmp_path):
    recipe = read_recipe(written(tmp_path, "[training]\nseed = 7\nlearning_rate = 1\n"))
    assert recipe.name == "mine"
    assert (recipe.training.seed, recipe.training.learning_rate) == (7, 1.0)
    assert (recipe.network, recipe.mixing) == (Recipe().network, Recipe().mixing)


def test_a_recipe_survives_json():
    recipe = read_recipe("compact")
    assert recipe_from_table(json.loads(json.dumps(recipe.as_table())), "again") == recipe


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
        ("[training]\nbatch = 0\n", r"batch is 0; it must be at least 1"),
        ("[training\n", r"mine.toml is not valid TOML"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_in_a_sentence(tmp_path, text, sentence):
    with pytest.raises(SettingsError, match=sentence):
        read_recipe(written(tmp_path, text))


def test_an_unknown_recipe_is_refused_with_those_there_are():
    with pytest.raises(
        SettingsError, match=r"there is no recipe 'huge'; give a .toml file or one of .*compact"
    ):
        read_recipe("huge")
