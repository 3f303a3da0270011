"""File name stems for the results of many recordings."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.archive.names import unique_stems
from birdedge.edge.errors import SettingsError


def stems(*paths: str) -> dict[str, str]:
    return {str(path): stem for path, stem in unique_stems(map(Path, paths)).items()}


def test_a_recording_with_a_unique_stem_keeps_it() -> None:
    assert stems("north/dawn.wav", "south/dusk.flac", "a.b.wav") == {
        "north/dawn.wav": "dawn",
        "south/dusk.flac": "dusk",
        "a.b.wav": "a.b",
    }


def test_equal_stems_get_as_many_parent_folders_as_they_need() -> None:
    assert stems("/p/1/north/dawn.wav", "/p/2/north/dawn.wav", "/p/2/south/DAWN.wav", "/p/noon.wav") == {
        "/p/1/north/dawn.wav": "1_north_dawn",
        "/p/2/north/dawn.wav": "2_north_dawn",
        "/p/2/south/DAWN.wav": "south_DAWN",
        "/p/noon.wav": "noon",
    }


def test_equal_stems_in_one_folder_keep_their_suffix() -> None:
    assert stems("p/dawn.wav", "p/dawn.flac") == {"p/dawn.wav": "dawn.wav", "p/dawn.flac": "dawn.flac"}


def test_a_recording_given_twice_is_listed_once() -> None:
    assert stems("p/dawn.wav", "p/../p/dawn.wav") == {"p/dawn.wav": "dawn"}


def test_recordings_that_cannot_have_different_stems_are_an_error() -> None:
    with pytest.raises(SettingsError, match=r"/p/dawn\.wav and /p/Dawn\.wav would both be written as"):
        stems("/p/dawn.wav", "/q/x.wav", "/p/Dawn.wav")
