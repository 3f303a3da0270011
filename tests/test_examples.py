"""The examples run as a user would run them, and find the same events as `birdedge segment`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.markdown import ROOT, code_blocks

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def run(*arguments: str | Path, cwd: Path) -> str:
    """Return what Python prints for these arguments."""
    done = subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with demo.wav."""
    path = tmp_path_factory.mktemp("examples")
    run("-m", "birdedge", "demo", "demo.wav", "--duration", "20", cwd=path)
    return path


@pytest.fixture(scope="module")
def onsets_s(folder: Path) -> list[float]:
    lines = run("-m", "birdedge", "segment", "demo.wav", cwd=folder).splitlines()
    onsets = [json.loads(line)["onset_s"] for line in lines]
    assert len(onsets) >= 3
    return onsets


@pytest.mark.parametrize("name", ["segment_file.py", "custom_sink.py"])
def test_an_example_prints_the_events_of_a_recording(name: str, folder: Path, onsets_s: list[float]) -> None:
    printed = run(ROOT / "examples" / name, "demo.wav", cwd=folder)
    found = [float(onset) for onset in re.findall(r"^ *(\d+\.\d\d) s", printed, re.MULTILINE)]
    assert found == pytest.approx(onsets_s, abs=0.0051)


def test_the_mask_example_reports_what_the_mask_covers(folder: Path) -> None:
    printed = run(ROOT / "examples" / "segment_file.py", "demo.wav", cwd=folder)
    summary = re.search(r"bird sound in (\d+\.\d+) s, most of it at (\d+) Hz", printed)
    assert summary is not None
    assert 0 < float(summary[1]) < 20
    assert 0 < float(summary[2]) < 16_000


def test_the_python_example_of_the_readme_prints_the_events(folder: Path, onsets_s: list[float]) -> None:
    (example,) = code_blocks((ROOT / "README.md").read_text(encoding="utf-8"), "python")
    *events, shape = run("-c", example, cwd=folder).splitlines()
    assert [float(line.split()[0]) for line in events] == pytest.approx(onsets_s, abs=1e-4)
    assert re.fullmatch(r"\(\d+, 256\)", shape)


def test_every_example_is_run_by_a_test() -> None:
    names = {path.name for path in (ROOT / "examples").glob("*.py")}
    assert names == {"segment_file.py", "custom_sink.py"}
