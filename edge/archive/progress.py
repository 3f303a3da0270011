"""The progress of an archive run: what is done, how fast, and the time that is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from birdedge.edge.archive.worker import UnitCounts

UNITS_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"))


@dataclass
class Progress:
    """The summed counts of a run; the remaining time is estimated from the size of the recordings.

    Attributes:
        files: The number of files to do.
        size_bytes: The total size of those files.
    """

    files: int
    size_bytes: int
    clock_s: Callable[[], float] = monotonic
    done_files: int = 0
    done_bytes: int = 0
    failed: int = 0
    events: int = 0
    heard_s: float = 0.0
    _start_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._start_s = self.clock_s()

    def add(self, counts: UnitCounts) -> None:
        """Add a unit that was completed."""
        self.done_files += counts.files
        self.done_bytes += counts.size_bytes
        self.failed += len(counts.errors)
        self.events += counts.events
        self.heard_s += counts.heard_s

    @property
    def left_s(self) -> float | None:
        """Estimated seconds left; None before anything is done."""
        if not self.done_bytes:
            return None
        return (self.size_bytes - self.done_bytes) * self._elapsed_s / self.done_bytes

    def line(self) -> str:
        """Return the progress as one line of text."""
        if not self.files:
            return "nothing is left to do"
        parts = [
            f"{self.done_files:,} of {self.files:,} file(s)",
            f"{self.heard_s / 3600:.1f} h of audio",
            f"{self.events:,} event(s)",
        ]
        if self.failed:
            parts.insert(1, f"{self.failed:,} with errors")
        if self.done_bytes:
            parts.append(f"{self.heard_s / self._elapsed_s:,.0f} x real time")
            parts.append(f"{size_text(self.done_bytes / self._elapsed_s)}/s")
        if self.left_s:
            parts.append(f"{duration_text(self.left_s)} left")
        return ", ".join(parts)

    @property
    def _elapsed_s(self) -> float:
        return max(self.clock_s() - self._start_s, 1e-3)


def size_text(size_bytes: float) -> str:
    """Return a number of bytes as text for a person."""
    for unit_bytes, unit in UNITS_BYTES:
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}"
    return f"{size_bytes / 1000:.1f} kB"


def duration_text(duration_s: float) -> str:
    """Return a duration as text for a person, in its two largest units."""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    values = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((place for place, (value, _) in enumerate(values) if value), len(values) - 1)
    return " ".join(f"{value} {unit}" for value, unit in values[first : first + 2])
