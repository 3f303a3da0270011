"""Wrong options of `birdedge train`: one sentence on standard error, exit code 1, no traceback, no incomplete file."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import BIRDEDGE, ROOT, error_of, run


def error_of_training(folder: Path, recipe: str) -> str:
    """Require that training fails and leaves no new file, and return its error."""
    before = sorted(folder.rglob("*"))
    error = error_of(run(*BIRDEDGE, "train", recipe, "--data", ".", cwd=folder))
    assert sorted(folder.rglob("*")) == before
    return error


def test_an_unknown_recipe_is_an_error(tmp_path: Path) -> None:
    assert "no-such" in error_of_training(tmp_path, "no-such")


def test_an_unknown_recipe_key_is_an_error_that_suggests_the_nearest_key(tmp_path: Path) -> None:
    recipe = (ROOT / "train" / "recipes" / "compact.toml").read_text(encoding="utf-8")
    assert "\nepochs = " in recipe
    (tmp_path / "mine.toml").write_text(recipe.replace("\nepochs = ", "\nepoch = "), encoding="utf-8")
    assert "did you mean 'epochs'" in error_of_training(tmp_path, "mine.toml")
