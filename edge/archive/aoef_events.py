"""The recordings of an archive run, each with its events as boxes: a run keeps no masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from birdedge.edge.archive.manifest import Manifest
from birdedge.edge.archive.parts import event_of, read_part
from birdedge.edge.formats.aoef_recordings import FoundRecording


def run_recordings(manifest: Manifest) -> Iterator[FoundRecording]:
    """Yield each completed recording that could be read, with its start in UTC and its events.

    Raises:
        DataError: The manifest or a part cannot be read.
    """
    for unit in manifest.units():
        part = read_part(manifest.folder, unit.key)
        if part is None:
            continue
        for row, file in zip(part.to_pylist(), unit.files, strict=True):
            if row["error"] is None:
                start = row["recording_start"]
                start_utc_s = None if start is None else start.timestamp()
                yield FoundRecording(Path(file.path), start_utc_s, list(map(event_of, row["events"])))
