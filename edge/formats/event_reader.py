"""Events from tables that birdedge wrote."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from birdedge.edge.errors import DataError
from birdedge.edge.event import Event
from birdedge.edge.formats.columns import EVENT_COLUMNS
from birdedge.edge.formats.tables import TableName
from birdedge.edge.mask import NO_MASK

RAVEN_TITLES = {  # attribute of `Event`: title of the column
    "onset_s": "File Offset (s)",
    "low_hz": "Low Freq (Hz)",
    "high_hz": "High Freq (Hz)",
    "peak_hz": "Peak Freq (Hz)",
    "score": "Score",
    "area_hz_s": "Area (Hz s)",
    "snr_db": "SNR (dB)",
}


def read_events(path: Path, format: TableName) -> Iterator[Event]:
    """Yield the events of a table of one recording, without masks; values that the table lacks are NaN.

    Raises:
        DataError: The table is missing or malformed.
    """
    return (event for _, event in read_named_events(path, format))


def read_named_events(path: Path, format: TableName) -> Iterator[tuple[str, Event]]:
    """Yield the events of a table, as `read_events` does, each with its recording's name; Audacity tables have none.

    Raises:
        DataError: The table is missing or malformed.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for values in _rows(file, format):
                numbers: dict[str, Any] = {name: _number(values.get(name)) for name in EVENT_COLUMNS}
                event = Event(**numbers, first_frame=0, first_bin=0, mask=NO_MASK)
                yield str(values.get("file", "")), event
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        problem = f"it has no {error}" if isinstance(error, KeyError) else error
        raise DataError(
            f"{path} cannot be read as a table of birdedge ({problem}): leave it out, or give --force to write it again"
        ) from error


def _rows(lines: Iterator[str], format: TableName) -> Iterator[Mapping[str, Any]]:
    if format == "jsonl":
        yield from map(json.loads, lines)
    elif format == "csv":
        yield from csv.DictReader(lines)
    elif format == "raven":
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            duration_s = float(row["End Time (s)"]) - float(row["Begin Time (s)"])
            values: dict[str, Any] = {name: row[title] for name, title in RAVEN_TITLES.items()}
            values |= {"file": row["Begin Path"], "offset_s": float(values["onset_s"]) + duration_s}
            yield values
    else:
        for line in lines:
            onset_s, offset_s, label = line.split("\t")
            _, low_hz, high_hz = next(lines, "").split("\t")
            score = label.split()[-1]
            yield {
                "onset_s": onset_s,
                "offset_s": offset_s,
                "low_hz": low_hz,
                "high_hz": high_hz,
                "score": score,
            }


def _number(value: object) -> float:
    return math.nan if value in (None, "") else float(str(value))
