"""Recordings with their events become part of an export; unusable ones are left out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from birdedge.edge.errors import DataError
from birdedge.edge.event import Event
from birdedge.edge.formats.aoef_files import AoefFiles, AoefSettings
from birdedge.edge.formats.aoef_recordings import FoundRecording, add_recordings
from birdedge.edge.formats.mask_npz import MaskFile
from birdedge.edge.formats.start_time import StartTime
from birdedge.edge.formats.table_recordings import table_recordings

EVENT = Event(0.5, 0.6, 700.0, 1000.0, 812.5, 0.97, 10.0, 6.25, 0, 0, np.zeros((0, 0), np.uint8))


def a_recording(path: Path, seed: int) -> Path:
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 8000), 8000)
    return path


def left_out(folder: Path, *found: FoundRecording) -> tuple[list[str], int]:
    """Return the reasons why recordings were left out, and the number of recordings that were not."""
    with AoefFiles(folder / "aoef", AoefSettings("oak", "m", "0.2.0"), "replace") as files:
        problems = list(add_recordings(files, found, folder))
    return problems, files.recordings


def test_a_damaged_mask_omits_only_its_own_recording(tmp_path: Path) -> None:
    one, two = a_recording(tmp_path / "a.wav", 0), a_recording(tmp_path / "b.wav", 1)
    with MaskFile(tmp_path / "a.npz", 0.008, 0.008, 62.5, 62.5, 0.5) as mask:
        mask.push(np.ones((125, 256), np.float32))
    whole = (tmp_path / "a.npz").read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 10):
        (tmp_path / "a.npz").write_bytes(whole[:length])
        found = FoundRecording(one, None, [EVENT], tmp_path / "a.npz"), FoundRecording(two, None, [EVENT])
        (problem,), added = left_out(tmp_path, *found)
        assert "a.npz is damaged" in problem
        assert added == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"onset_s": math.nan},
        {"onset_s": -1.0},
        {"onset_s": 5.0, "offset_s": 6.0},  # belongs to another recording
        {"offset_s": 0.4},
        {"offset_s": math.inf},
        {"low_hz": math.nan},
        {"high_hz": 1e300},
    ],
)
def test_an_event_that_does_not_fit_its_recording_is_reported(tmp_path: Path, wrong: dict[str, Any]) -> None:
    found = FoundRecording(a_recording(tmp_path / "a.wav", 0), None, [EVENT, replace(EVENT, **wrong)])
    (problem,), added = left_out(tmp_path, found)
    assert "give the events of this recording" in problem
    assert added == 0


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (["Begin,End", "1,2"], "without the name of its recording"),
        (["file,onset_s", "a\0b.wav,1"], "without the name of its recording"),
        (["file,onset_s", "a.wav,1", "b.wav,1", "a.wav,2"], "has the events of a.wav in several places"),
    ],
)
def test_a_table_of_another_program_is_refused(tmp_path: Path, rows: list[str], sentence: str) -> None:
    (tmp_path / "odd.csv").write_text("\n".join(rows))
    with pytest.raises(DataError, match=sentence):
        list(table_recordings(tmp_path / "odd.csv", tmp_path, StartTime()))
