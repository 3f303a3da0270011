"""The messages that `run` sends for a stream, without audio, on clocks that a test moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from birdedge.edge.database.connection import reading
from birdedge.edge.database.database_file import DatabaseFile
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.event import Event
from birdedge.edge.gap import GapCause
from birdedge.edge.messages import (
    AudioHeard,
    EventDetected,
    GapEnded,
    GapStarted,
    Message,
    RegionRejected,
    RunEnded,
    SamplesLost,
    StreamEnded,
    StreamStarted,
)
from birdedge.edge.monitoring.coverage import Coverage, coverage
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.times import ClockReading
from tests.support.rejected import region

RATE_HZ = 32_000
ALWAYS_S = 4e9  # UTC after everything that happens in a test


class Clocks:
    """Clocks that a test moves; calling the object reads them."""

    def __init__(self, boot_s: float = 100.0, utc_s: float = 1_000_000.0, synchronized: bool = True) -> None:
        self.boot_s, self.utc_s, self.synchronized = boot_s, utc_s, synchronized

    def __call__(self) -> ClockReading:
        return ClockReading(self.boot_s, self.utc_s, self.synchronized)

    def advance(self, seconds: float) -> None:
        self.boot_s += seconds
        self.utc_s += seconds


def event(onset_s: float, score: float = 0.97) -> Event:
    """Return an event of half a second from 2000 to 3000 Hz, without a mask."""
    mask = np.zeros((0, 0), np.uint8)
    return Event(onset_s, onset_s + 0.5, 2000.0, 3000.0, 2500.0, score, 100.0, 12.0, 0, 0, mask)


class MovingClocks(Protocol):
    """Clocks that move with the audio."""

    boot_s: float

    def __call__(self) -> ClockReading: ...

    def advance(self, seconds: float) -> None: ...


class MessageStream:
    """A stream that starts now. Its messages are stamped by a real `Timekeeper`.

    Args:
        write: receives the messages.
        clocks: advance with the audio.
        timekeeper: the timekeeper of earlier streams; a new one by default.
        drift: (true rate - nominal rate) / nominal rate of the microphone.
        late_s: how late the first audio arrives.

    Attributes:
        sample: number of samples so far, including gaps.
        drift: as given; it may change.
    """

    def __init__(
        self,
        write: Callable[[Message], None],
        clocks: MovingClocks,
        timekeeper: Timekeeper | None = None,
        *,
        source: str = "mic",
        rate_hz: int = RATE_HZ,
        drift: float = 0.0,
        late_s: float = 0.0,
    ) -> None:
        self.sample = 0
        self.timekeeper = timekeeper or Timekeeper(clocks())
        self._write, self._clocks, self._rate_hz, self.drift = write, clocks, rate_hz, drift
        self._lost_at_s = 0.0
        self._heard_s = 0.0  # true length of the audio
        self.timekeeper.begin_stream(rate_hz)
        self.timekeeper.arrived(0, self._late(late_s))
        self.timekeeper.begin_span(0)
        write(StreamStarted(self.timekeeper.stamp(0), source, rate_hz, 1))

    def hear(self, seconds: float, every_s: float = 1.0, late_s: float = 0.0) -> None:
        """Deliver audio, and report it every `every_s` seconds."""
        first_sample = self.sample
        for step in range(1, round(seconds / every_s) + 1):
            self._clocks.advance(every_s)
            self.sample = first_sample + round(step * every_s * self._rate_hz * (1 + self.drift))
            read = self._late(late_s)
            self.timekeeper.arrived(self.sample, read)
            self._write(AudioHeard(self.timekeeper.stamp(self.sample), self.timekeeper.span, read))

    def lose(self, seconds: float, cause: GapCause = "overrun") -> None:
        """Lose samples, and continue."""
        before = self.timekeeper.stamp(self.sample)
        self._clocks.advance(seconds)
        self.sample += round(seconds * self._rate_hz)
        self.timekeeper.begin_span(self.sample)
        self._write(SamplesLost(before, self.timekeeper.span, cause))

    def break_off(self, cause: GapCause = "device lost") -> None:
        """Start a gap that lasts."""
        self._lost_at_s = self._clocks.boot_s
        self._write(GapStarted(self.timekeeper.stamp(self.sample), cause))

    def resume(self, cause: GapCause = "device lost", late_s: float = 0.0) -> None:
        """End the gap; the first audio after it arrives late."""
        read = self._late(late_s)
        self.sample += max(1, round((read.boot_s - self._lost_at_s) * self._rate_hz))
        self.timekeeper.reopened(self.sample)
        self.timekeeper.arrived(self.sample, read)
        self.timekeeper.begin_span(self.sample)
        self._write(GapEnded(self.timekeeper.span, cause))

    def detect(self, onset_s: float, **changes: Any) -> None:
        """Close an event."""
        detected = replace(event(onset_s), **changes)
        onset, offset = (round(s * self._rate_hz) for s in (detected.onset_s, detected.offset_s))
        self._write(EventDetected(self.timekeeper.stamp(onset), self.timekeeper.stamp(offset), detected))

    def reject(self, onset_s: float, **changes: Any) -> None:
        """Close a region that is rejected."""
        rejected = region(onset_s, **changes)
        onset, offset = (round(s * self._rate_hz) for s in (rejected.onset_s, rejected.offset_s))
        self._write(RegionRejected(self.timekeeper.stamp(onset), self.timekeeper.stamp(offset), rejected))

    def end(self) -> None:
        """End the stream."""
        stamp = self.timekeeper.stamp(self.sample)
        self._write(StreamEnded(stamp, self._rate_hz, self.sample, 0, 0, 0, 0))

    def _late(self, seconds: float) -> ClockReading:
        now = self._clocks()
        return replace(now, boot_s=now.boot_s + seconds, utc_s=now.utc_s + seconds)


def started(folder: Path, clocks: MovingClocks, boot_id: str = "boot") -> RunLog:
    """Return the run log of a run that starts now."""
    run_log = RunLog(DatabaseFile(folder), boot_id, clocks(), "birdedge-int8", "the wood")
    run_log.begin()
    run_log.commit()
    return run_log


def end(run_log: RunLog, clocks: Clocks) -> None:
    """Stop a run cleanly."""
    run_log.apply(RunEnded(Timekeeper().now(clocks())))
    run_log.close()


def kill(run_log: RunLog) -> None:
    """Leave the folder as SIGKILL does: with the last commit and a write-ahead log."""
    run_log.close()
    run_log.path.with_name(f"{run_log.path.name}-wal").write_bytes(bytes(32))


def coverage_of(folder: Path, since_utc_s: float = 0.0, until_utc_s: float = ALWAYS_S) -> Coverage:
    """Return the coverage that the database of a folder shows."""
    with reading(folder) as db:
        return coverage(db, since_utc_s, until_utc_s)


def gaps_of(folder: Path, until_utc_s: float = ALWAYS_S) -> list[tuple[str, float | None]]:
    """Return cause and length of each gap, to the millisecond; None for an unknown length."""
    gaps = coverage_of(folder, until_utc_s=until_utc_s).gaps
    return [(gap.cause, None if gap.length_s is None else round(gap.length_s, 3)) for gap in gaps]


def rows_of(folder: Path, query: str) -> list[Any]:
    """Return the rows of a SELECT."""
    with reading(folder) as db:
        return db.execute(query).fetchall()


def connection_of(folder: Path) -> sqlite3.Connection:
    """Open the database of a folder like another program."""
    return sqlite3.connect(folder / "birdedge.sqlite", timeout=0.0)
