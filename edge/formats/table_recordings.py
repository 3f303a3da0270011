"""The recordings of tables that birdedge wrote, each with its events and their outlines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from birdedge.edge.errors import DataError
from birdedge.edge.event import Event
from birdedge.edge.formats.aoef import AoefEvent
from birdedge.edge.formats.event_reader import read_named_events
from birdedge.edge.formats.event_shape import shaped_events
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.formats.tables import FORMATS, TableName


def table_recordings(
    source: Path, masks: Path | None = None, tolerance: float = 0.0
) -> Iterator[tuple[str, list[AoefEvent]]]:
    """Yield the name of each recording in a table, or in the tables of a folder, with its events.

    Args:
        source: A table, or a folder; of the tables of one recording in several formats, one is read.
        masks: The folder of the mask files; where there is none, events have boxes.
        tolerance: As for `event_geometry`.

    Raises:
        DataError: There is no table that names its recordings, or one is malformed.
    """
    tables = _tables(source)
    if not tables:
        raise DataError(
            f"{source} holds no table that names its recordings: give a CSV, JSON Lines or Raven table of birdedge, or "
            "a folder of them"
        )
    for stem, (format, path) in tables.items():
        for file, group in groupby(read_named_events(path, format), key=lambda row: row[0]):
            events = [event for _, event in group]
            yield file, _shaped(events, masks, (stem, Path(file).stem), tolerance)


def _tables(source: Path) -> dict[str, tuple[TableName, Path]]:
    """Return format and path of a table for each stem; that of all recordings together only if there is no other."""
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


def _shaped(
    events: list[Event], masks: Path | None, stems: tuple[str, ...], tolerance: float
) -> list[AoefEvent]:
    paths = [masks / f"{stem}.npz" for stem in stems] if masks else []
    path = next((path for path in paths if path.exists()), None)
    return shaped_events(events, None if path is None else read_mask_file(path), tolerance)
