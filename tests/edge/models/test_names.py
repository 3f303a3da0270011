"""Models by name or path."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from birdedge.edge.errors import ModelFileError, ModelMissingError
from birdedge.edge.models.names import (
    ARCHIVE_MODEL,
    DEFAULT_MODEL,
    LIGHT_MODEL,
    SMALL_MODEL,
    bundled_models,
    find_model,
)

ROOT = Path(__file__).parents[3]


def test_the_named_models_are_bundled() -> None:
    assert {DEFAULT_MODEL, ARCHIVE_MODEL, LIGHT_MODEL, SMALL_MODEL} <= set(bundled_models())


def test_a_model_is_found_by_name_and_by_path(tmp_path: Path) -> None:
    assert find_model(DEFAULT_MODEL) == bundled_models()[DEFAULT_MODEL]
    path = tmp_path / "mine.onnx"
    path.touch()
    assert find_model(path) == find_model(str(path)) == path


def test_a_file_in_the_working_folder_never_replaces_a_bundled_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(DEFAULT_MODEL).touch()
    assert find_model(DEFAULT_MODEL) == bundled_models()[DEFAULT_MODEL]
    assert find_model(Path(DEFAULT_MODEL)) == bundled_models()[DEFAULT_MODEL]
    assert find_model(f"./{DEFAULT_MODEL}") == Path(DEFAULT_MODEL)


def test_the_error_for_a_missing_model_lists_the_bundled_ones() -> None:
    with pytest.raises(ModelMissingError, match=r"'no-such'; .*birdedge-int8"):
        find_model("no-such")
    with pytest.raises(FileNotFoundError):
        find_model("no-such")


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"is a directory; give an \.onnx file"):
        find_model(tmp_path)


@pytest.mark.parametrize("module", ["names", "card", "settings", "validation"])
def test_modules_that_need_no_session_do_not_load_onnxruntime(module: str) -> None:
    code = f"import sys, birdedge.edge.models.{module}; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
