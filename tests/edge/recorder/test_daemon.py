"""The recorder of `birdedge listen --out` knows all files that its sinks write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.recorder import daemon, recorder
from birdedge.edge.recorder.config import Config
from birdedge.edge.recorder.daemon import RecorderDaemon
from birdedge.edge.recorder.inputs import input_maker
from birdedge.edge.recorder.source_settings import SourceSettings
from birdedge.edge.system.stop_signals import ReloadableStop


class MeasuredError(Exception):
    """Ends the recorder where it begins to measure its files."""


@pytest.fixture
def found_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Path, str]]]:
    """Yield the files that retention counts in addition to those of the folder of the recorder."""
    found: list[tuple[Path, str]] = []

    def measure(*_: Any, other_files: list[tuple[Path, str]]) -> None:
        found.extend(other_files)
        raise MeasuredError

    monkeypatch.setattr(recorder, "Retention", measure)
    monkeypatch.setattr(daemon, "start_log", lambda _level: None)
    monkeypatch.setattr(daemon, "open_standard_streams", lambda: None)
    umask = os.umask(0o022)
    yield found
    os.umask(umask)


def test_retention_counts_masks_and_denoised_audio_outside_of_the_folder(
    tmp_path: Path, found_files: list[tuple[Path, str]]
) -> None:
    masks, audio = tmp_path / "masks", tmp_path / "audio"
    config = Config(denoised=str(audio / "wood [1].flac"))
    stop = ReloadableStop()
    demo = input_maker(SourceSettings("wood", demo=True), config, stop, open_now=False)
    recording = RecorderDaemon(tmp_path / "out", masks, lambda: config, stop, None, lambda _: [], quiet=True)
    with pytest.raises(MeasuredError):
        recording.run_one(config, None, demo)
    names = ("wood [1].flac", "wood [1]-2026-11-23T00-00-00Z.flac", "wood 1.flac", "2026-11-23T00-00-00Z.npz")
    for folder in (masks, audio):
        folder.mkdir(exist_ok=True)
        for name in names:
            (folder / name).touch()
    counted = {path.relative_to(tmp_path) for folder, pattern in found_files for path in folder.glob(pattern)}
    assert counted == {Path("audio", names[0]), Path("audio", names[1]), Path("masks", names[3])}
