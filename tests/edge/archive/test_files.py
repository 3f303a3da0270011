"""Folders are searched for recordings, and their durations are summed."""

import os

import numpy as np
import pytest
import soundfile

from birdedge.edge.archive.files import find_recordings, total_duration_s
from birdedge.edge.errors import SettingsError


def test_a_folder_stands_for_the_recordings_in_it_sorted_by_path(tmp_path):
    for name in ("b/2.WAV", "b/1.flac", "a/3.mp3", "a/4.ogg", "a/notes.txt"):
        path = tmp_path / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    given = tmp_path / "z.raw"
    archive = tmp_path / "archive"
    names = ("a/3.mp3", "a/4.ogg", "b/1.flac", "b/2.WAV")
    assert find_recordings([given, archive]) == [given, *(archive / name for name in names)]


def test_a_folder_without_recordings_is_an_error(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SettingsError, match="contains no WAV, FLAC, OGG or MP3 file"):
        find_recordings([tmp_path])


def test_files_that_cannot_be_read_do_not_count(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), 8_000)
    soundfile.write(tmp_path / "b.flac", np.zeros(4_000), 8_000)
    (tmp_path / "text.wav").write_text("no audio", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.wav")
    names = ("a.wav", "b.flac", "text.wav", "pipe.wav", "missing.wav")
    assert total_duration_s(tmp_path / name for name in names) == 2.5
