"""Fixtures: a recording to play to the daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import birdedge


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """6 s of the demo, with a call about every second."""
    folder = tmp_path_factory.mktemp("song")
    birdedge("demo", "song.wav", "--duration", 6, "--calls", 50, "--seed", 7, cwd=folder)
    return folder / "song.wav"
