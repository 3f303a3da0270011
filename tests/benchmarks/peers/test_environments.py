"""Tests of the other tools' environments."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.peers import environments

ROOT = Path(__file__).parents[3]


def test_a_tool_that_cannot_be_installed_is_skipped_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "PEERS", {"owl": environments.Packages(("no-such-owl==1.0",))})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    found = peers.measure(quick=True, data=None)
    assert found == {
        "skipped": "no other tool could be installed: No matching distribution found for no-such-owl==1.0"
    }


def test_an_environment_is_created_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "PEERS", {"none": environments.Packages(("pip",))})  # already installed
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = environments.prepare("none")
    python = folder / "bin" / "python"
    assert python.exists()
    python.unlink()  # so pip would fail, and a new environment would restore it
    assert environments.prepare("none") == folder
    assert not python.exists()


def test_a_folder_without_an_index_is_an_error_before_anything_is_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.peers", "--data", str(tmp_path)]
    environment = {**os.environ, "PIP_NO_INDEX": "1"}
    process = subprocess.run(
        command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 1
    assert process.stderr.startswith(f"Error: {tmp_path} holds no index.tsv; ")
    assert process.stderr.count("\n") == 1
