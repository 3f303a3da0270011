"""Event tables as comma-separated values (RFC 4180, lines end in a line feed)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from birdedge.edge.formats.columns import EVENT_COLUMNS, number_text, path_text, utc_text

if TYPE_CHECKING:  # an Event loads numpy, which reading a configuration does not need
    from birdedge.edge.event import Event

SUFFIX = ".csv"


def header() -> str:
    """Return the line of column names."""
    return _line(("file", *EVENT_COLUMNS, "onset_utc", "offset_utc"))


def event_lines(
    event: Event,
    file: str | Path,
    _number: int,
    _channel: int | None = None,
    start_utc_s: float | None = None,
) -> str:
    """Return one event of the recording `file` as a line."""
    numbers = (number_text(getattr(event, name), name) for name in EVENT_COLUMNS)
    times = (utc_text(time_s, start_utc_s) or "" for time_s in (event.onset_s, event.offset_s))
    return _line((path_text(file), *numbers, *times))


def _line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(
        cells
    )  # its default line end makes it quote both \r and \n, which a name may contain
    return line.getvalue().removesuffix("\r\n") + "\n"
