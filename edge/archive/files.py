"""The recordings of an archive: which files there are, and how long they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from birdedge.edge.errors import SettingsError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")


def find_recordings(paths: Sequence[Path]) -> list[Path]:
    """Return the files as given, with each folder replaced by the recordings in it, sorted by path.

    Raises:
        SettingsError: A folder contains no recording.
    """
    recordings: list[Path] = []
    for path in paths:
        if not path.is_dir():
            recordings.append(path)
            continue
        inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
        if not inside:
            raise SettingsError(f"{path} contains no WAV, FLAC, OGG or MP3 file; give a folder that does")
        recordings += inside
    return recordings


def total_duration_s(paths: Iterable[Path]) -> float:
    """Return the sum of the durations by the headers, without files that cannot be read."""
    import soundfile

    total_s = 0.0
    for path in filter(Path.is_file, paths):  # opening a pipe would block
        try:
            total_s += soundfile.info(path).duration
        except (soundfile.LibsndfileError, OSError, TypeError):
            continue
    return total_s
