"""Labelled boxes from annotations.tsv, AOEF (Whombat), Raven selection tables and Audacity label tracks."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.errors import DataError
from birdedge.edge.formats.aoef_reader import read_annotated_boxes

COLUMNS = ("onset_s", "offset_s", "low_hz", "high_hz")
TABLE, AOEF = "annotations.tsv", "annotations.json"
RAVEN_COLUMNS = ("Begin Time (s)", "End Time (s)", "Low Freq (Hz)", "High Freq (Hz)")


@dataclass(frozen=True)
class Box:
    """A labelled sound; `low_hz` and `high_hz` are NaN if only its time is known."""

    onset_s: float
    offset_s: float
    low_hz: float = float("nan")
    high_hz: float = float("nan")


def read_annotations(table: Path) -> dict[Path, tuple[Box, ...]]:
    """Return the boxes of a table by file.

    The table has the columns in COLUMNS and `file`, a path relative to the table. A box without low_hz or high_hz has
    no band.

    Raises:
        DataError: A column is missing or a line cannot be used; the message names it.
    """
    boxes = defaultdict(list)
    for row, where in _rows(table, ("file", *COLUMNS)):
        boxes[table.parent / (row["file"] or "")].append(_box(row, COLUMNS, where))
    return {path: tuple(found) for path, found in boxes.items()}


def read_boxes(folder: Path, recordings: Iterable[Path] = ()) -> dict[Path, tuple[Box, ...]]:
    """Return the boxes of a folder by file, from annotations.tsv, annotations.json or one table per recording.

    Args:
        folder: A folder with annotations.tsv, or with annotations.json as Whombat exports it.
        recordings: If the folder has neither file, the Raven tables or Audacity label tracks of these recordings are
            read. The table of `dawn.wav` is `dawn.selections.txt` or any other `dawn.*.txt`.

    Raises:
        DataError: A file cannot be used; the message names it.
    """
    if (folder / TABLE).is_file():
        return read_annotations(folder / TABLE)
    if (folder / AOEF).is_file():
        return read_aoef(folder / AOEF)
    tables = {path: table_of(path) for path in recordings}
    return {
        path: read_audacity(table) if _is_audacity(table) else read_raven(table)
        for path, table in tables.items()
        if table is not None
    }


def read_aoef(path: Path) -> dict[Path, tuple[Box, ...]]:
    """Return the boxes of an AOEF annotation project by file; files without a bird are omitted.

    Whombat exports paths relative to its own audio folder, so leading folders are dropped until the file is found next
    to the annotations or below them.

    Raises:
        DataError: The file is not AOEF.
    """
    boxes = {}
    for name, found in read_annotated_boxes(path).items():
        parts = Path(name).parts
        places = [path.parent.joinpath(*parts[first:]) for first in range(len(parts))]
        recording = next((place for place in places if place.is_file()), places[0])
        if found:
            boxes[recording] = tuple(
                Box(
                    box.onset_s,
                    box.offset_s,
                    math.nan if box.low_hz is None else box.low_hz,
                    math.nan if box.high_hz is None else box.high_hz,
                )
                for box in found
            )
    return boxes


def read_audacity(table: Path) -> tuple[Box, ...]:
    """Return the labels of an Audacity label track; a label without a frequency selection has no band.

    Raises:
        DataError: A line cannot be used; the message names it.
    """
    boxes: list[Box] = []
    times: list[str] = []
    for number, line in enumerate(_text(table).splitlines(), 1):
        where, cells = f"{table}, line {number}", line.split("\t")
        is_band = cells[0] == "\\"
        if not line.strip():
            continue
        if is_band and not boxes:
            raise DataError(f"{where} is a band without a label before it; give an Audacity label track")
        times = times if is_band else cells[:2]
        band = cells[1:] if is_band else ["", ""]
        box = _box(dict(zip(COLUMNS, [*times, *band], strict=False)), COLUMNS, where)
        if not is_band:
            boxes.append(box)
        elif box.low_hz >= 0:  # Audacity writes -1 for no limit
            boxes[-1] = box
    return tuple(boxes)


def read_raven(table: Path) -> tuple[Box, ...]:
    """Return the boxes of a Raven selection table of one file; Begin Path and File Offset are ignored.

    A selection listed in two views (waveform and spectrogram) is one box.

    Raises:
        DataError: A column is missing or a line cannot be used; the message names it.
    """
    rows = list(_rows(table, RAVEN_COLUMNS))
    boxes = {(row.get("Selection") or where): _box(row, RAVEN_COLUMNS, where) for row, where in rows}
    return tuple(boxes.values())


def table_of(recording: Path) -> Path | None:
    """Return the table next to a recording: the first .txt file whose name starts with its stem and a dot."""
    prefix = f"{recording.stem}."
    tables = sorted(p for p in recording.parent.glob("*.txt") if p.name.startswith(prefix))
    return tables[0] if tables else None


def _is_audacity(table: Path) -> bool:
    """Return whether a table begins with a time instead of column titles."""
    first = _text(table).partition("\t")[0]
    try:
        float(first)
    except ValueError:
        return False
    return True


def _text(table: Path) -> str:
    try:
        return table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table} cannot be read as a table ({error}); give tab-separated UTF-8") from error


def _rows(table: Path, columns: tuple[str, ...]) -> list[tuple[dict[str, str | None], str]]:
    """Return the rows of a table, each with its place for error messages."""
    lines = _text(table).splitlines()
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    missing = [c for c in columns if c not in (rows.fieldnames or ())]
    if missing:
        raise DataError(f"{table} lacks the column {missing[0]!r}; it needs {', '.join(columns)}")
    return [(row, f"{table}, line {rows.line_num}") for row in rows]


def _box(row: Mapping[str, str | None], columns: tuple[str, ...], where: str) -> Box:
    values = []
    for column in columns:
        if row.get(column) is None:
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
