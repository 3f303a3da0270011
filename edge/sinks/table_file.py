"""Event tables as files: the table of a recording or live stream, and one Raven table for many recordings."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from birdedge.edge.errors import DiskError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.formats import raven
from birdedge.edge.formats.tables import FORMATS
from birdedge.edge.system.atomic_file import (
    Existing,
    make_folder,
    output_errors,
    replacing,
    sync_file,
    with_free_name,
)


class Table:
    """The event table of one recording or stream: `folder/<stem><suffix of the format>`.

    An atomic table (archives) appears under its name, complete, when it is closed; an error within `with` leaves
    nothing. A table that is not atomic (live streams) gets a number if its name is in use. Each event is in the file
    when `write` returns, and a failed write leaves only complete events.

    Args:
        folder: Where to write; created if missing.
        stem: File name without suffix, see `unique_stems`.
        format: A key of `FORMATS`.
        file: The recording, as the table names it. Raven finds the audio by an absolute path.
        channel: The analysed channel, from 0; None for the mean of all.
        atomic: Whether the table appears only when complete.
        force: Whether an atomic table may replace an earlier file.

    Raises:
        SettingsError: The format is unknown.
        OutputError: The table cannot be written. Also raised by `write` and `close`.
    """

    def __init__(
        self,
        folder: Path,
        stem: str,
        format: str,
        *,
        file: str | Path,
        channel: int | None = None,
        atomic: bool,
        force: bool = False,
    ) -> None:
        if format not in FORMATS:
            raise SettingsError(f"table format {format!r} is unknown: use one of {', '.join(FORMATS)}")
        self._format = FORMATS[format]
        self.path = path = folder / (stem + self._format.suffix)
        self._recording, self._channel = file, channel
        self._events = 0
        self._is_synced = True
        with ExitStack() as stack:
            self._file: BinaryIO | io.FileIO
            if atomic:
                self._file = stack.enter_context(replacing(path, "replace" if force else "refuse"))
            else:
                with output_errors(path):
                    make_folder(path.parent)
                    self.path, self._file = with_free_name(path, _new_file, self._format.suffix)
                stack.enter_context(self._file)
                stack.push(self._discard_empty)
                stack.callback(self.sync)
            self._append(self._format.header)
            self._open = stack.pop_all()

    def write(self, event: Event, start_utc_s: float | None = None) -> None:
        """Append one event; its times count from the start, whose UTC may be unknown."""
        number = self._events + 1
        self._append(self._format.event_lines(event, self._recording, number, self._channel, start_utc_s))
        self._events += 1

    def is_moved(self) -> bool:
        """Return whether the file of a live stream is no longer at its path: its drive or folder was replaced."""
        try:
            there, opened = self.path.stat(), os.fstat(self._file.fileno())
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (opened.st_dev, opened.st_ino)

    def sync(self) -> None:
        """Wait until all events are on disk; callable from any thread."""
        if self._is_synced:
            return
        self._is_synced = True
        with output_errors(self.path), suppress(ValueError):  # it was closed, which syncs too
            sync_file(self._file.fileno())

    def close(self) -> None:
        """Complete the table; further calls do nothing."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def _discard_empty(self, kind: type[BaseException] | None, *_error: object) -> None:
        """After an error, delete a table without events: the next attempt creates it again."""
        if kind is not None and self._events == 0:
            with suppress(OSError):
                self.path.unlink()

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
            self._is_synced = False


def combined_raven(
    path: Path,
    recordings: Iterable[raven.Recording],
    existing: Existing = "number",
    channel: int | None = None,
) -> None:
    """Write one Raven table for a sequence of recordings; write no file if there are none.

    If `recordings` raises, the table of the recordings before that appears, and the exception propagates.

    Args:
        path: The table, which appears once it is complete.
        recordings: In the order in which Raven opens them.
        existing: What to do if it exists.
        channel: The analysed channel, from 0; None for the mean of all.

    Raises:
        OutputError: The table cannot be written.
    """
    lines = raven.sequence_lines(recordings, channel)
    header = next(lines, None)
    if header is None:
        return
    interrupted: BaseException | None = None
    with replacing(path, existing, raven.SUFFIX) as file:
        complete_bytes = 0
        try:
            for line in chain([header], lines):
                with output_errors(path):
                    file.write(_encoded(line))
                    complete_bytes = file.tell()
        except DiskError:
            raise
        except BaseException as error:
            interrupted = error
            with output_errors(path):
                file.truncate(complete_bytes)
                file.seek(complete_bytes)
    if interrupted is not None:
        raise interrupted


def holds_only(path: Path, files: Iterable[str]) -> bool:
    """Return whether a Raven table covers only these recordings; True if it is missing."""
    allowed = set(map(raven.path_cell, files))
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
            return all(row.get("Begin Path") in allowed for row in rows)
    except FileNotFoundError:
        return True
    except (OSError, ValueError, csv.Error):
        return False


def _new_file(path: Path) -> io.FileIO:
    return io.FileIO(path, "xb")


def _encoded(text: str) -> bytes:
    # A file name that is not UTF-8 contains lone surrogates, which can only be written escaped.
    return text.encode("utf-8", "backslashreplace")
