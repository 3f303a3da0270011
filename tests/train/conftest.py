"""Fixtures shared by the tests of training and evaluation."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from tests.support.generated import write_bird_sounds_denoising, write_recordings


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of synthetic recordings; treat it as read-only."""
    return write_recordings(tmp_path_factory.mktemp("recordings"), files=24, duration_s=5.0)


@pytest.fixture(scope="session")
def field_recordings(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic recordings plus unlabelled ones: each noise as a soundscape, each bird as a noisy recording."""
    folder = tmp_path_factory.mktemp("field") / "recordings"
    shutil.copytree(recordings, folder)
    index = folder / "index.tsv"
    with index.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    more = [
        {**row, "kind": "soundscapes", "original": f"field {i}", "species": f"field {i}"}
        for i, row in enumerate(r for r in rows if r["kind"] == "noise")
    ]
    birds = [row for row in rows if row["kind"] == "birds"]
    more += [{**row, "original": f"noisy {i}", "snr90_db": "5"} for i, row in enumerate(birds)]
    with index.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows([*rows, *more])
    return folder


@pytest.fixture(scope="session")
def picture_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic set in the layout of BirdSoundsDenoising; treat it as read-only."""
    return write_bird_sounds_denoising(tmp_path_factory.mktemp("set") / "BirdSoundsDenoising")
