"""Event tables in the formats people already use: Raven, Audacity, CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import secrets
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from birdedge.edge.errors import OutputError, SettingsError
from birdedge.edge.event import Event

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
def output_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block, which only writes `path`, into an `OutputError` that says so."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"{path} cannot be written ({reason}): name a folder that can be written to and has room"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A binary file that takes the name `path` when the block ends well, and is removed when it does not.

    The folder is made if need be. Until the end an earlier file of that name stays as it was.

    Raises:
        OutputError: The folder or file cannot be written. What the block itself raises passes unchanged.
    """
    part = path.with_name(f".birdedge-{secrets.token_hex(8)}.part")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("xb")
    try:
        yield file
        with output_errors(path):
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
            file.close()
            part.replace(path)
    finally:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)


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
    """Write one Raven table for several recordings, as Raven does for sounds opened as a file sequence.

    Begin and End Time run on through the sequence; Begin Path and File Offset say where in which file.

    Args:
        path: The table; it takes its name when it is whole.
        recordings: Path, length in seconds and events of each, in the order they are opened in Raven.

    Raises:
        OutputError: The table cannot be written.
    """
    selection = 0
    begin_s = 0.0
    with replacing(path) as file:
        with output_errors(path):
            file.write(_encoded(_raven_header()))
        for recording, duration_s, events in recordings:
            for event in events:
                selection += 1
                with output_errors(path):
                    file.write(_encoded(_raven(event, recording, selection, begin_s)))
            begin_s += duration_s


def unique_stems(paths: Iterable[Path]) -> dict[Path, str]:
    """Name the results of each recording so that none overwrites another's.

    A recording keeps its stem where no other has it; else parent folders are put before it until the names
    differ (`north/dawn.wav` and `south/dawn.wav`: `north_dawn`, `south_dawn`), and two of one folder keep
    their suffix (`dawn.wav`, `dawn.flac`). Names that differ only in case count as equal, as on a memory card
    they are. A recording given twice is named once.

    Raises:
        SettingsError: Two recordings cannot be told apart, such as `dawn.wav` and `Dawn.wav` of one folder.
    """
    given: dict[Path, Path] = {}
    for path in paths:
        # Not resolve(): many names may link to one sound, each asked for by its own name.
        given.setdefault(Path(os.path.abspath(path)), path)  # noqa: PTH100
    siblings = Counter(str(path.with_suffix("")).casefold() for path in given)
    parts = {
        path: (
            *(part.strip("/\\:") for part in path.parent.parts),
            path.stem if siblings[str(path.with_suffix("")).casefold()] == 1 else path.name,
        )
        for path in given
    }
    depth = dict.fromkeys(given, 1)
    while True:
        names = {path: "_".join(parts[path][-depth[path] :]) for path in given}
        uses = Counter(name.casefold() for name in names.values())
        clashing = [path for path in given if uses[names[path].casefold()] > 1]
        if not clashing:
            return {given[path]: name for path, name in names.items()}
        deeper = [path for path in clashing if depth[path] < len(parts[path])]
        if not deeper:
            first = names[clashing[0]]
            one, other, *_ = (given[path] for path in clashing if names[path].casefold() == first.casefold())
            raise SettingsError(f"{one} and {other} would both be written as {first}: rename one of them")
        for path in deeper:
            depth[path] += 1
