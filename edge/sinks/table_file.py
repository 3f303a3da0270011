"""Event tables in the formats people already use: Raven, Audacity, CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.system.atomic_file import output_errors, replacing

EVENT_COLUMNS = {  # field: decimals
    "onset_s": 4,
    "offset_s": 4,
    "low_hz": 1,
    "high_hz": 1,
    "peak_hz": 1,
    "score": 3,
    "area_hz_s": 1,
    "snr_db": 1,
}
RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin Path",
    "File Offset (s)",
    "Score",
    "Peak Freq (Hz)",
    "SNR (dB)",
    "Area (Hz s)",
)


@contextmanager
def _growing(path: Path) -> Iterator[io.FileIO]:
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = io.FileIO(path, "wb")
    with file:
        yield file


def _number(value: float, column: str) -> str:
    return f"{value:z.{EVENT_COLUMNS[column]}f}" if math.isfinite(value) else ""


def _cell(text: str) -> str:
    """`text` with no character that could end a cell or a line: tab-separated tables cannot quote."""
    return "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)


def _path_cell(file: str | Path) -> str:
    """The same path, written so that a spreadsheet does not take it for a formula."""
    text = str(file)
    return f"./{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _raven_header() -> str:
    return "\t".join(RAVEN_COLUMNS) + "\n"


def _raven(event: Event, file: str | Path, selection: int, begin_s: float = 0.0) -> str:
    cells = (
        str(selection),
        "Spectrogram 1",
        "1",
        _number(begin_s + event.onset_s, "onset_s"),
        _number(begin_s + event.offset_s, "offset_s"),
        _number(event.low_hz, "low_hz"),
        _number(event.high_hz, "high_hz"),
        _cell(_path_cell(file)),
        _number(event.onset_s, "onset_s"),
        _number(event.score, "score"),
        _number(event.peak_hz, "peak_hz"),
        _number(event.snr_db, "snr_db"),
        _number(event.area_hz_s, "area_hz_s"),
    )
    return "\t".join(cells) + "\n"


def _audacity(event: Event, _file: str | Path, _selection: int) -> str:
    onset, offset, low, high, score = (
        _number(getattr(event, column), column)
        for column in ("onset_s", "offset_s", "low_hz", "high_hz", "score")
    )
    return f"{onset}\t{offset}\tbird {score}\n\\\t{low}\t{high}\n"


def _csv_line(cells: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _csv(event: Event, file: str | Path, _selection: int) -> str:
    numbers = (_number(getattr(event, column), column) for column in EVENT_COLUMNS)
    return _csv_line((_path_cell(file), *numbers))


def event_json(event: Event, file: str | Path) -> str:
    """One event as a JSON object on one line, without the line end; a number that is not finite is null."""
    record: dict[str, str | float | None] = {"file": str(file)}
    for column, decimals in EVENT_COLUMNS.items():
        value = float(getattr(event, column))
        # Adding 0.0 turns a rounded -0.0 into 0.0.
        record[column] = round(value, decimals) + 0.0 if math.isfinite(value) else None
    return json.dumps(record, allow_nan=False)


def _jsonl(event: Event, file: str | Path, _selection: int) -> str:
    return event_json(event, file) + "\n"


@dataclass(frozen=True)
class Format:
    """How one kind of table is named and written."""

    suffix: str
    header: str
    lines: Callable[[Event, str | Path, int], str]  # event, recording, number counted from 1


FORMATS = {
    "raven": Format(".selections.txt", _raven_header(), _raven),
    "audacity": Format(".labels.txt", "", _audacity),
    "csv": Format(".csv", _csv_line(("file", *EVENT_COLUMNS)), _csv),
    "jsonl": Format(".jsonl", "", _jsonl),
}


class Table:
    """The table of one recording: `folder/<stem><suffix of the format>`.

    With `atomic` the table takes its name when it is closed, whole, and an error within `with` leaves an
    earlier one as it was: for archives. Without, it starts anew under its name, each event is in the file
    when `write` returns, and a write that fails leaves only whole events: for a live stream, whose stem
    should hold its start time so that no later stream takes its place.

    Args:
        folder: Where to write; made if need be.
        stem: File name without suffix, see `unique_stems`.
        format: One of `FORMATS`.
        file: The recording, as the table shall name it. Raven finds the sound by an absolute path.
        atomic: All or nothing.

    Raises:
        SettingsError: Unknown format.
        OutputError: The table cannot be written; from `write` and `close` too.
    """

    def __init__(self, folder: Path, stem: str, format: str, *, file: str | Path, atomic: bool) -> None:
        if format not in FORMATS:
            raise SettingsError(f"table format {format!r} is unknown: use one of {', '.join(FORMATS)}")
        self._format = FORMATS[format]
        self.path = folder / (stem + self._format.suffix)
        self._recording = file
        self._events = 0
        with ExitStack() as stack:
            self._file = stack.enter_context(replacing(self.path) if atomic else _growing(self.path))
            self._append(self._format.header)
            self._open = stack.pop_all()

    def write(self, event: Event) -> None:
        """Add one event."""
        self._append(self._format.lines(event, self._recording, self._events + 1))
        self._events += 1

    def close(self) -> None:
        """Finish the table; closing twice does nothing."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _append(self, text: str) -> None:
        data = _encoded(text)
        whole_bytes = self._file.tell()
        with output_errors(self.path):
            try:
                while data:  # a raw file may take less than it was given
                    data = data[self._file.write(data) :]
            except OSError:
                with suppress(OSError):
                    self._file.truncate(whole_bytes)
                    self._file.seek(whole_bytes)
                raise


def _encoded(text: str) -> bytes:
    # A file name that is not UTF-8 reaches Python as lone surrogates, which only an escape can write.
    return text.encode("utf-8", "backslashreplace")


def combined_raven(path: Path, recordings: Iterable[tuple[str | Path, float, Iterable[Event]]]) -> None:
    """Write one Raven table for the recordings, if there are any, as Raven does for a file sequence.

    Begin and End Time run on through the sequence; Begin Path and File Offset say where in which file.

    Args:
        path: The table; it takes its name when it is whole.
        recordings: Path, length in seconds and events of each, in the order they are opened in Raven.

    Raises:
        OutputError: The table cannot be written.
    """
    selection = 0
    begin_s = 0.0
    recordings = iter(recordings)
    first = next(recordings, None)
    if first is None:
        return
    with replacing(path) as file:
        with output_errors(path):
            file.write(_encoded(_raven_header()))
        for recording, duration_s, events in chain([first], recordings):
            for event in events:
                selection += 1
                with output_errors(path):
                    file.write(_encoded(_raven(event, recording, selection, begin_s)))
            begin_s += duration_s
