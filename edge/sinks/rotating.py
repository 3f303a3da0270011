"""Rotating files of a live stream: a new one for each hour or day of UTC."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from birdedge.edge.messages import EventDetected, FramesReady, Message, StreamStarted
from birdedge.edge.times import Stamp

HOUR_S, DAY_S = 3600.0, 86_400.0


class FileSink(Protocol):
    """A sink that writes files, which can be synced from any thread."""

    def write(self, message: Message) -> None:
        """Take a message."""

    def sync(self) -> None:
        """Wait until everything written is on disk."""

    def close(self) -> None:
        """Finish the files."""


class RotatingSink:
    """Writes each message with the sink of its period.

    Args:
        make: Returns the sink for a stem; it begins with a stream or, within a stream, at an origin.
        period_s: How long a sink is used: an hour or a day of UTC, or of the boot clock if UTC is unknown.
        late_events: Whether the previous sink stays open, for events that began in its period.

    Raises:
        OutputError: A sink failed.
    """

    def __init__(
        self, make: Callable[[str, Stamp | None], FileSink], period_s: float, late_events: bool = False
    ) -> None:
        self._make, self._period_s, self._late_events = make, period_s, late_events
        self._stream: StreamStarted | None = None
        self._sinks: dict[int, FileSink] = {}  # by the number of the period; the last one is in use
        self._ended: deque[FileSink] = deque()  # closed by the next sync, which may wait for the disk

    def write(self, message: Message) -> None:
        """Write the message; a new period begins with a stream, frames or an event."""
        match message:
            case StreamStarted(stamp):
                self._stream = message
                if self._number(stamp) not in self._sinks:
                    self._begin(self._number(stamp), stamp, None)
            case FramesReady(stamp) | EventDetected(stamp) if self._stream is not None:
                number = self._number(stamp)
                if number not in self._sinks and not self._is_late(number):
                    late_s = _time_s(stamp) - number * self._period_s
                    origin = _earlier(stamp, late_s, self._stream.sample_rate_hz)
                    self._begin(number, origin, origin).write(self._stream)
                if isinstance(message, EventDetected) and number in self._sinks:
                    self._sinks[number].write(message)
                    return
            case _:
                pass
        if self._sinks:
            self._sinks[list(self._sinks)[-1]].write(message)

    def sync(self) -> None:
        """Wait until everything written is on disk; callable from any thread."""
        while self._ended:
            self._ended.popleft().close()
        for sink in list(self._sinks.values()):
            sink.sync()

    def close(self) -> None:
        """Close the sinks."""
        self._ended.extend(self._sinks.values())
        self._sinks.clear()
        self.sync()

    def _number(self, stamp: Stamp) -> int:
        return int(_time_s(stamp) // self._period_s)

    def _is_late(self, number: int) -> bool:
        """Return whether a period has just ended; an earlier one comes from a clock that was set back."""
        return bool(self._sinks) and 0 < list(self._sinks)[-1] - number <= 1

    def _begin(self, number: int, stamp: Stamp, origin: Stamp | None) -> FileSink:
        while len(self._sinks) > self._late_events:
            self._ended.append(self._sinks.pop(next(iter(self._sinks))))
        self._sinks[number] = sink = self._make(file_stem(stamp), origin)
        return sink


def file_stem(stamp: Stamp) -> str:
    """Return the stem of a file that begins at a time; without UTC, the present time counts."""
    utc = datetime.now(UTC) if stamp.utc_s is None else datetime.fromtimestamp(stamp.utc_s, UTC)
    return utc.strftime("%Y-%m-%dT%H-%M-%SZ")


def _time_s(stamp: Stamp) -> float:
    return stamp.boot_s if stamp.utc_s is None else stamp.utc_s


def _earlier(stamp: Stamp, seconds: float, sample_rate_hz: int) -> Stamp:
    """Return the stamp of a moment before another one, in the same stream."""
    return replace(
        stamp,
        sample=stamp.sample - round(seconds * sample_rate_hz),
        elapsed_s=stamp.elapsed_s - seconds,
        boot_s=stamp.boot_s - seconds,
        utc_s=None if stamp.utc_s is None else stamp.utc_s - seconds,
    )
