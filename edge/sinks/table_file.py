"""Event tables as files: the table of a recording or live stream, and one Raven table for many recordings."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.formats import raven
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.system.atomic_file import output_errors, replacing


class Table:
    """The event table of one recording or stream: `folder/<stem><suffix of the format>`.

    An atomic table (archives) appears under its name, complete, when it is closed; an error within `with` leaves an
    earlier file of that name unchanged. A table that is not atomic (live streams) replaces an earlier file at once.
    Each event is in the file when `write` returns, and a failed write leaves only complete events. Its stem should
    contain the start time of the stream, so that no later stream replaces it.

    Args:
        folder: Where to write; created if missing.
        stem: File name without suffix, see `unique_stems`.
        format: A key of `FORMATS`.
        file: The recording, as the table names it. Raven finds the audio by an absolute path.
        atomic: Whether the table appears only when complete.

    Raises:
        SettingsError: The format is unknown.
        OutputError: The table cannot be written. Also raised by `write` and `close`.
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
        """Append one event."""
        self._append(self._format.event_lines(event, self._recording, self._events + 1))
        self._events += 1

    def close(self) -> None:
        """Complete the table; further calls do nothing."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _append(self, text: str) -> None:
        data = _encoded(text)
        complete_bytes = self._file.tell()
        with output_errors(self.path):
            try:
                while data:  # an unbuffered file may accept less than it is given
                    data = data[self._file.write(data) :]
            except OSError:
                with suppress(OSError):
                    self._file.truncate(complete_bytes)
                    self._file.seek(complete_bytes)
                raise


def combined_raven(path: Path, recordings: Iterable[tuple[str | Path, float, Iterable[Event]]]) -> None:
    """Write one Raven table for a sequence of recordings; no file if there are none.

    Args:
        path: The table; it appears when it is complete.
        recordings: Path, duration in seconds and events of each file, in the order in which Raven opens them.

    Raises:
        OutputError: The table cannot be written.
    """
    lines = raven.sequence_lines(recordings)
    header = next(lines, None)
    if header is None:
        return
    with replacing(path) as file:
        for line in chain([header], lines):
            with output_errors(path):
                file.write(_encoded(line))


@contextmanager
def _growing(path: Path) -> Iterator[io.FileIO]:
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = io.FileIO(path, "wb")
    with file:
        yield file


def _encoded(text: str) -> bytes:
    # A file name that is not UTF-8 contains lone surrogates, which can only be written escaped.
    return text.encode("utf-8", "backslashreplace")
