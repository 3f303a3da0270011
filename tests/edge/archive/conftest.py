"""A small archive of soundscapes, and one damaged recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.archive.manifest import Manifest
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.archives import do, plan, write_forest

LENGTHS_S_AND_RATES_HZ = [(6.0, 32_000), (9.0, 48_000), (4.0, 40_000)]


@pytest.fixture(scope="package")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three soundscapes of different lengths and rates."""
    folder = tmp_path_factory.mktemp("archive")
    paths = []
    for seed, (duration_s, rate_hz) in enumerate(LENGTHS_S_AND_RATES_HZ, start=1):
        path = folder / f"site{seed}.flac"
        samples = soundscape(duration_s, seed, 60.0, sample_rate_hz=rate_hz).samples
        soundfile.write(path, samples, rate_hz, subtype="PCM_24")
        paths.append(path)
    return paths


@pytest.fixture
def damaged(tmp_path: Path, recordings: list[Path]) -> Path:
    """A recording with NaN near its end."""
    path = tmp_path / "damaged.wav"
    samples, rate_hz = soundfile.read(recordings[0], dtype="float32")
    samples[-100] = np.nan
    soundfile.write(path, samples, rate_hz, subtype="FLOAT")
    return path


@pytest.fixture(scope="package")
def dawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds with many calls."""
    path = tmp_path_factory.mktemp("dawn") / "dawn.flac"
    soundfile.write(path, soundscape(12.0, 3, 120.0).samples, 32_000, subtype="PCM_24")
    return path


@pytest.fixture(scope="package")
def forest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short recordings of two sites."""
    return write_forest(tmp_path_factory.mktemp("forest"))


@pytest.fixture(scope="package")
def complete(forest: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """A run in one process."""
    manifest = plan(tmp_path_factory.mktemp("complete"), forest)
    assert manifest.totals.units == 6
    do(manifest)
    return manifest
