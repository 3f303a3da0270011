"""Labelled boxes from annotations.tsv and from Raven selection tables."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.errors import DataError

COLUMNS = ("onset_s", "offset_s", "low_hz", "high_hz")
RAVEN_COLUMNS = ("Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")


@dataclass(frozen=True)
class Box:
    """A labelled sound; `low_hz` and `high_hz` are NaN if only its time is known."""

    onset_s: float
    offset_s: float
    low_hz: float = float("nan")
    high_hz: float = float("nan")


def read_annotations(table: Path) -> dict[Path, tuple[Box, ...]]:
    """Return the boxes by file of a table with the column `file`, relative to the table, and COLUMNS.

    A box without low_hz or high_hz has no band.

    Raises:
        DataError: A column is missing or a line cannot be used; names it.
    """
    boxes = defaultdict(list)
    for row, where in _rows(table, ("file", *COLUMNS)):
        boxes[table.parent / (row["file"] or "")].append(_box(row, COLUMNS, where))
    return {path: tuple(found) for path, found in boxes.items()}


def read_boxes(folder: Path) -> dict[Path, tuple[Box, ...]]:
    """Return the boxes by file of the annotations.tsv of a folder, none if it has no such table."""
    table = folder / "annotations.tsv"
    return read_annotations(table) if table.is_file() else {}


def read_raven(table: Path) -> tuple[Box, ...]:
    """Return the boxes of a Raven selection table of one file; Begin Path and File Offset are ignored.

    A selection listed in two views (waveform and spectrogram) is one box.

    Raises:
        DataError: A column is missing or a line cannot be used; names it.
    """
    rows = list(_rows(table, RAVEN_COLUMNS))
    boxes = {(row.get("Selection") or where): _box(row, RAVEN_COLUMNS, where) for row, where in rows}
    return tuple(boxes.values())


def raven_table_of(recording: Path) -> Path | None:
    """Return the selection table next to a recording: its stem, anything, `.txt`."""
    prefix = recording.stem + "."
    tables = sorted(p for p in recording.parent.glob("*.txt") if p.name.startswith(prefix))
    return tables[0] if tables else None


def _rows(table: Path, columns: tuple[str, ...]) -> list[tuple[dict[str, str | None], str]]:
    """Return the rows of a table, each with its place for error messages."""
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table} cannot be read as a table ({error}); give tab-separated UTF-8") from error
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [c for c in columns if c not in (rows.fieldnames or ())]
    if missing:
        raise DataError(f"{table} lacks the column {missing[0]!r}; it needs {', '.join(columns)}")
    return [(row, f"{table}, line {rows.line_num}") for row in rows]


def _box(row: dict[str, str | None], columns: tuple[str, ...], where: str) -> Box:
    values = []
    for column in columns:
        if row[column] is None:
            raise DataError(f"{where} ends before {column}; give all of {', '.join(columns)}")
        try:
            values.append(float(row[column] or "nan"))
        except ValueError:
            raise DataError(f"{where}: {column} is {row[column]!r}; it must be a number") from None
    onset_s, offset_s, low_hz, high_hz = values
    if not onset_s <= offset_s or low_hz > high_hz:
        raise DataError(
            f"{where}: the box ends before it begins; put the later time and the higher frequency second"
        )
    if math.isnan(low_hz + high_hz):
        return Box(onset_s, offset_s)
    return Box(onset_s, offset_s, low_hz, high_hz)
