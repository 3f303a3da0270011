"""The command, run as by a user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from birdedge.edge.errors import ModelMissingError, OutputError
from birdedge.edge.models.model import Model
from birdedge.export.cli import export

ROOT = Path(__file__).parents[2]


def birdedge(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "birdedge", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_shipped_weights_are_exported_with_the_given_options(tmp_path: Path) -> None:
    weights = ROOT / "train" / "weights" / "birdedge-small.safetensors"
    options = (
        *("--frames", "32", "--min-score", "0.9", "--follow-score", "0.7", "--max-loss", "1"),
        *("--report", "report.md"),
    )
    for name in ("birdedge-small.onnx", "report.md"):
        (tmp_path / name).write_bytes(b"earlier")
    done = birdedge("export", weights, *options, "--force", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    card = Model(tmp_path / "birdedge-small.onnx").card
    assert (card.name, card.precision, card.chunk_frames) == ("birdedge-small", "fp32", 32)
    assert (card.events.min_score, card.events.follow_score) == (0.9, 0.7)
    assert "birdedge-small (fp32)" in done.stdout
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("# birdedge-small\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("none.safetensors",), "Error: there is no checkpoint none.safetensors"),
        (("none.safetensors", "--frames", "6"), "Error: frames per call is 6; give a multiple of 4"),
    ],
)
def test_an_error_is_one_line_with_exit_code_1(
    tmp_path: Path, options: tuple[str, ...], message: str
) -> None:
    done = birdedge("export", *options, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mine.onnx", "mine-fp32.onnx", "mine-256.onnx", "mine-s8.onnx", "mine.md"])
def test_an_existing_file_is_kept_unless_force_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(b"mine")
    options = ("--quantize", "--frames", "16", "--frames", "256", "--activation", "u8", "--activation", "s8")
    command = ("none.safetensors", "-o", "mine.onnx", *options, "--report", "mine.md")
    runner = CliRunner(catch_exceptions=False)
    with pytest.raises(OutputError) as error:
        runner.invoke(export, command)
    assert str(error.value) == f"{name} exists already; give another name, or --force to replace it"
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]
    with pytest.raises(ModelMissingError, match=r"there is no checkpoint none\.safetensors"):
        runner.invoke(export, [*command, "--force"])
