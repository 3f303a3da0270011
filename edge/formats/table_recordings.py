"""The recordings of tables that birdedge wrote, each with its events."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from birdedge.edge.errors import DataError
from birdedge.edge.event import Event
from birdedge.edge.formats.aoef_recordings import FoundRecording
from birdedge.edge.formats.event_reader import read_named_events
from birdedge.edge.formats.start_time import StartTime
from birdedge.edge.formats.tables import FORMATS, TableName


def table_recordings(
    source: Path, audio_folder: Path, start_time: StartTime, masks: Path | None = None
) -> Iterator[FoundRecording]:
    """Yield each recording in a table, or in the tables of a folder, with its events.

    Args:
        source: A table, or a folder; if a recording has tables in several formats, one of them is read.
        audio_folder: Folder of the recordings whose relative paths do not exist in the current folder.
        start_time: Settings for the UTC of their starts.
        masks: Folder of the mask files; without a mask file, events have boxes.

    Raises:
        DataError: No table names its recordings, or a table is malformed.
    """
    tables = _tables(source)
    if not tables:
        raise DataError(
            f"{source} holds no table that names its recordings: give a CSV, JSON Lines or Raven table of birdedge, or "
            "a folder of them"
        )
    for stem, (format, table) in tables.items():
        for name, events in _by_recording(table, format):
            path = Path(name)
            if not path.exists():
                path = audio_folder / name
            places = [masks / f"{one}.npz" for one in (stem, path.stem)] if masks else []
            mask_file = next((place for place in places if place.exists()), None)
            yield FoundRecording(path, start_time.utc_s(path), events, mask_file)


def _by_recording(table: Path, format: TableName) -> Iterator[tuple[str, list[Event]]]:
    before: set[str] = set()
    for name, rows in groupby(read_named_events(table, format), key=lambda row: row[0]):
        if not name or "\0" in name:
            raise DataError(
                f"{table} has an event without the name of its recording: give a table of birdedge"
            )
        if name in before:
            raise DataError(f"{table} has the events of {name} in several places: sort it by recording")
        before.add(name)
        yield name, [event for _, event in rows]


def _tables(source: Path) -> dict[str, tuple[TableName, Path]]:
    """Return the format and path of a table for each stem; the table of all recordings only if there is no other."""
    paths = sorted(source.iterdir()) if source.is_dir() else [source]
    tables: dict[str, tuple[TableName, Path]] = {}
    formats: tuple[TableName, ...] = ("jsonl", "csv", "raven")
    for format in formats:
        for path in paths:
            if path.name.endswith(FORMATS[format].suffix):
                tables.setdefault(path.name.removesuffix(FORMATS[format].suffix), (format, path))
    if len(tables) > 1:
        tables.pop("all", None)
    return tables
