"""Event tables as comma-separated values (RFC 4180, lines end in a line feed)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from birdedge.edge.event import Event
from birdedge.edge.formats.columns import EVENT_COLUMNS, number_text, path_text

SUFFIX = ".csv"


def header() -> str:
    """Return the line of column names."""
    return _line(("file", *EVENT_COLUMNS))


def event_lines(event: Event, file: str | Path, _number: int) -> str:
    """Return one event of the recording `file` as a line."""
    return _line((path_text(file), *(number_text(getattr(event, name), name) for name in EVENT_COLUMNS)))


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
