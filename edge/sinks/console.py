"""What `birdedge listen` prints: events, and a summary at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from birdedge.edge.errors import OutputError
from birdedge.edge.formats import text_table
from birdedge.edge.formats.jsonl import event_json
from birdedge.edge.messages import EventDetected, Message, Sink, StreamEnded, StreamStarted
from birdedge.edge.sinks.elapsed import ElapsedTime
from birdedge.edge.system.log import note
from birdedge.edge.system.stdout import LineWriter, print_line


class ConsoleSink:
    """Prints events on standard output as they end.

    Args:
        as_table: whether to print a readable table; otherwise JSON Lines.
        stop: set when the reader of standard output is gone; None for a daemon, which continues.
        name: the name of the recording in JSON; None for the name of the source.

    Raises:
        OutputError: from `write`: standard output cannot be written. A `DiskError` without `stop`: a retry may succeed.
    """

    def __init__(self, as_table: bool, stop: threading.Event | None, name: str | None = None) -> None:
        self._as_table, self._stop, self._name = as_table, stop, name
        self._elapsed = ElapsedTime()
        self._has_head = False
        self._lines = LineWriter()

    def write(self, message: Message) -> None:
        """Print an event, or the header of the table."""
        match message:
            case StreamStarted():
                self._name = self._name or message.source
                self._elapsed.start(message)
                if self._as_table and not self._has_head:
                    self._has_head = True
                    self._print(text_table.header())
            case EventDetected():
                event = self._elapsed.event(message)
                if self._as_table:
                    self._print(text_table.row(event))
                else:
                    start_utc_s = self._elapsed.start_utc_s(message)
                    self._print(event_json(event, self._name or "", start_utc_s))
            case _:
                pass

    def close(self) -> None:
        """Do nothing: every line is already printed."""

    def _print(self, line: str) -> None:
        if self._stop is None:
            self._lines.write(line)
        elif not print_line(line):
            self._stop.set()


class PipedSink:
    """Wraps a sink that writes to standard output; sets `stop` when its reader is gone."""

    def __init__(self, sink: Sink, stop: threading.Event) -> None:
        self._sink, self._stop = sink, stop

    def write(self, message: Message) -> None:
        """Write the message."""
        with self._reader_may_leave():
            self._sink.write(message)

    def close(self) -> None:
        """Close the sink."""
        with self._reader_may_leave():
            self._sink.close()

    @contextmanager
    def _reader_may_leave(self) -> Iterator[None]:
        try:
            yield
        except OutputError as error:
            if not isinstance(error.__cause__, BrokenPipeError):
                raise
            self._stop.set()


class SummarySink:
    """Counts events and audio, and prints both on standard error at the end."""

    def __init__(self) -> None:
        self._events = 0
        self._streams: list[StreamEnded] = []

    def write(self, message: Message) -> None:
        """Count the events and audio of a message."""
        if isinstance(message, EventDetected):
            self._events += 1
        elif isinstance(message, StreamEnded):
            self._streams.append(message)

    def close(self) -> None:
        """Print the summary."""
        note(f"{self._events} event(s) in {_heard(self._streams)}")
        for warning in dict.fromkeys(warning for stream in self._streams for warning in stream.warnings):
            note(warning)


def _heard(streams: list[StreamEnded]) -> str:
    if not streams:
        return "no audio"
    heard_s = sum(stream.heard_samples / stream.sample_rate_hz for stream in streams)
    lost_s = sum(stream.lost_samples / stream.sample_rate_hz for stream in streams)
    parts = [f"{heard_s:.1f} s of audio"]
    if lost_s:
        parts.append(f"{lost_s:.3f} s lost in {sum(stream.gaps for stream in streams)} gap(s)")
    silent_s = sum(stream.silent_samples / stream.sample_rate_hz for stream in streams)
    if silent_s >= 0.05:
        parts.append(f"{silent_s:.1f} s of digital silence")
    for count, unit in (
        (sum(stream.nonfinite_samples for stream in streams), "sample(s)"),
        (sum(stream.nonfinite_chunks for stream in streams), "chunk(s)"),
    ):
        if count:
            parts.append(f"{count} {unit} that were NaN or infinite")
    return ", ".join(parts)
