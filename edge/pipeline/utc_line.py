"""UTC from the boot clock: a piecewise line through the moments at which a synchronized clock was read.

The boot clock is a crystal that nothing corrects, so UTC minus the boot clock drifts by a second per day and more.
Between two synchronized readings, this offset follows the straight line between them. After the last reading it follows
the rate fitted so far; before the first one it is constant. A later reading therefore moves no time before the last
one. The uncertainty grows with the distance from these readings. Until a clock is synchronized, UTC is the clock as it
was first read or as somebody has set it, and its uncertainty is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

from birdedge.edge.times import ClockReading, ClockState

SYNCHRONIZED_S = 0.1  # how far a synchronized clock may be off UTC, beyond the error that the kernel reports
CRYSTAL = 100e-6  # largest error of a crystal's nominal rate
WANDER = 30e-6  # how far temperature and age move a rate from the fitted one
FIT_S = 86_400.0  # once observed for this long, the fitted rate counts as much as the nominal one
MIN_DISTANCE_S = 600.0  # between two synchronized readings that are kept
SET_S = 60.0  # a larger step of a clock that is not synchronized means that somebody set it
STEP_S = 1e-3  # a smaller change between two readings is noise
SLEWING_S = 2.0  # two readings at most this far apart show whether the clock is being slewed
MAX_SLEW = 0.1  # a faster change is a step
LEAP_S = 10.0  # two readings at most this far apart, and from midnight, show a leap second
DAY_S = 86_400.0
KEPT = 3  # points in memory; older ones cannot change


@dataclass(frozen=True)
class ClockLine:
    """UTC minus the boot clock from `from_s` on; one row of the database.

    At a moment t it is `offset_s + slope * (t - from_s)`. Its largest error runs from `error_s` to `until_error_s`, and
    rises between them by `wander * (t - from_s) * (until_s - t) / (until_s - from_s)`. For the last line,
    whose `until_s` is None, it is `error_s + wander * (t - from_s)`.
    """

    from_s: float
    until_s: float | None
    offset_s: float
    slope: float
    error_s: float | None  # None if no clock was synchronized
    until_error_s: float | None
    wander: float

    def offset_at(self, boot_s: float) -> float:
        """Return UTC minus the boot clock."""
        return self.offset_s + self.slope * (boot_s - self.from_s)

    def boot_s_at(self, utc_s: float) -> float:
        """Return the boot clock at a UTC time."""
        return self.from_s + (utc_s - self.offset_s - self.from_s) / (1 + self.slope)

    def error_at(self, boot_s: float) -> float | None:
        """Return the largest error; None if it is unknown."""
        if self.error_s is None:
            return None
        passed_s = boot_s - self.from_s
        if self.until_s is None or self.until_error_s is None:
            return self.error_s + self.wander * passed_s
        share = passed_s / (self.until_s - self.from_s)
        return (
            self.error_s + (self.until_error_s - self.error_s) * share + self.wander * passed_s * (1 - share)
        )


@dataclass(frozen=True)
class _Point:
    """A moment at which UTC was known, and the rate fitted up to then."""

    boot_s: float
    offset_s: float
    error_s: float
    rate: float = 0.0  # at which the offset changes
    observed_s: float = 0.0  # how long the rate was observed
    step_s: float = 0.0  # a leap second at this moment: the line before it ends that much earlier or later
    jump_s: float = 0.0  # how far the clock moved since the previous point, at an unknown moment

    @property
    def wander(self) -> float:
        return WANDER + CRYSTAL * FIT_S / (FIT_S + self.observed_s)

    def open_line(self) -> ClockLine:
        return ClockLine(self.boot_s, None, self.offset_s, self.rate, self.error_s, None, self.wander)

    def line_to(self, later: _Point) -> ClockLine:
        slope = (later.offset_s - later.step_s - self.offset_s) / (later.boot_s - self.boot_s)
        errors = self.error_s + later.jump_s, later.error_s + later.jump_s
        return ClockLine(self.boot_s, later.boot_s, self.offset_s, slope, *errors, 2 * WANDER)

    def followed_by(self, reading: ClockReading) -> _Point:
        """Return the point of a reading, with the rate between the two points taken into account."""
        offset_s, error_s = reading.utc_s - reading.boot_s, SYNCHRONIZED_S + reading.max_error_s
        passed_s = reading.boot_s - self.boot_s
        moved_s = offset_s - self.offset_s
        if abs(moved_s - self.rate * passed_s) > self.error_s + error_s + self.wander * passed_s:
            return _Point(reading.boot_s, offset_s, error_s, self.rate, self.observed_s, jump_s=abs(moved_s))
        rate = self.rate + (moved_s - self.rate * passed_s) / (passed_s + FIT_S)
        return _Point(reading.boot_s, offset_s, error_s, rate, self.observed_s + passed_s)


@dataclass(frozen=True)
class UtcLine:
    """What is known about UTC in a boot. It is immutable: `follow` returns a new one.

    Attributes:
        state: the source of UTC.
        guess_s: UTC minus the boot clock until a clock is synchronized; None before the first reading.
    """

    state: ClockState = "unknown"
    guess_s: float | None = None
    _points: tuple[_Point, ...] = ()
    _has_first: bool = True  # whether _points[0] is the first of the boot
    _latest: ClockReading | None = None

    @classmethod
    def of_boot(cls, state: ClockState, latest: ClockLine) -> UtcLine:
        """Continue from the last line of an earlier run of the same boot."""
        if state != "synchronized" or latest.error_s is None:
            return cls(state, latest.offset_s)
        unfitted = (latest.wander - WANDER) / CRYSTAL
        observed_s = FIT_S / max(unfitted, 1e-9) - FIT_S
        point = _Point(latest.from_s, latest.offset_s, latest.error_s, latest.slope, observed_s)
        return cls(state, latest.offset_s, (point,), False)

    @property
    def synchronized(self) -> bool:
        """Whether a synchronized clock was read in this boot."""
        return self.state == "synchronized"

    @property
    def lines(self) -> tuple[ClockLine, ...]:
        """The lines that may have changed, in order of time; earlier lines are final."""
        points = self._points
        if not points:
            return () if self.guess_s is None else (ClockLine(0.0, None, self.guess_s, 0.0, None, None, 0.0),)
        first = points[0]
        before: tuple[ClockLine, ...] = ()
        if self._has_first and first.boot_s > 0:
            error_s = first.error_s + CRYSTAL * first.boot_s
            before = (ClockLine(0.0, first.boot_s, first.offset_s, 0.0, error_s, first.error_s, 0.0),)
        between = (one.line_to(other) for one, other in pairwise(points))
        return (*before, *between, points[-1].open_line())

    def utc_s(self, boot_s: float) -> float | None:
        """Return the UTC of a recent moment; None before the first reading."""
        lines = self.lines
        line = next((line for line in reversed(lines) if line.from_s <= boot_s), lines[0] if lines else None)
        return None if line is None else boot_s + line.offset_at(boot_s)

    def follow(self, reading: ClockReading) -> UtcLine:
        """Return what is known after a reading of the clocks."""
        followed = replace(self if self._points else self._guess(reading), _latest=reading)
        latest = self._latest or reading
        passed_s = reading.boot_s - latest.boot_s
        moved_s = reading.utc_s - reading.boot_s - (latest.utc_s - latest.boot_s)
        is_leap = abs(abs(moved_s) - 1) < 0.01 and passed_s <= LEAP_S and _is_midnight(reading.utc_s)
        if is_leap and self._points:
            return followed._leap(reading, round(moved_s))
        # A slow correction may have just started, or may still continue: two readings rule it out.
        is_new = not latest.synchronized or reading.max_error_s < latest.max_error_s
        may_be_slewed = 0 < passed_s <= SLEWING_S and abs(moved_s) <= max(STEP_S, MAX_SLEW * passed_s)
        if not reading.synchronized or (may_be_slewed and (is_new or abs(moved_s) > STEP_S)):
            return followed
        return followed._take(reading)

    def _guess(self, reading: ClockReading) -> UtcLine:
        """Trust an unsynchronized clock, as it was first read or as somebody has set it."""
        offset_s = reading.utc_s - reading.boot_s
        if self.guess_s is None:
            return replace(self, guess_s=offset_s, state="set" if reading.chip_agrees else "unknown")
        if self._latest is None:
            before_s, since_s = self.guess_s, reading.boot_s
        else:
            before_s, since_s = self._latest.utc_s - self._latest.boot_s, reading.boot_s - self._latest.boot_s
        if abs(offset_s - before_s) < SET_S + CRYSTAL * since_s:
            return self
        return replace(self, guess_s=offset_s, state="set")

    def _take(self, reading: ClockReading) -> UtcLine:
        """Add a synchronized reading, unless what is known is better.

        The kernel reports a clock as synchronized for nine hours after a synchronization, but lets its error grow much
        faster than the error of the line. So the readings right after a synchronization are the ones that count.
        """
        points = self._points
        first = _Point(reading.boot_s, reading.utc_s - reading.boot_s, SYNCHRONIZED_S + reading.max_error_s)
        if not points:
            return replace(self, state="synchronized", _points=(first,))
        last = points[-1]
        passed_s = reading.boot_s - last.boot_s
        expected_s = last.offset_s + last.rate * passed_s
        is_better = first.error_s < last.error_s
        is_moved = abs(first.offset_s - expected_s) > STEP_S
        if passed_s <= 0 or (passed_s < MIN_DISTANCE_S / 10 and not is_better and not is_moved):
            return self
        if first.error_s > last.error_s + last.wander * passed_s:
            return self
        # The reading replaces the last point if it is better even there, or if that point is close to its predecessor.
        is_replaced = last.error_s > first.error_s + (WANDER + CRYSTAL) * passed_s or (
            len(points) > 1 and last.boot_s - points[-2].boot_s < MIN_DISTANCE_S
        )
        if is_replaced and not last.step_s:
            if len(points) > 1:
                return replace(self, _points=(*points[:-1], points[-2].followed_by(reading)))
            if self._has_first:
                return replace(self, _points=(first,))
        return self._with(last.followed_by(reading))

    def _leap(self, reading: ClockReading, step_s: int) -> UtcLine:
        """Step UTC by a leap second, without changing any earlier time."""
        last = self._points[-1]
        passed_s = reading.boot_s - last.boot_s
        if passed_s <= 0:
            return self
        offset_s = last.offset_s + last.rate * passed_s + step_s
        error_s = last.error_s + last.wander * passed_s
        observed = replace(last, boot_s=reading.boot_s, offset_s=offset_s, error_s=error_s, jump_s=0.0)
        return self._with(replace(observed, step_s=float(step_s)))

    def _with(self, point: _Point) -> UtcLine:
        points = (*self._points, point)
        return replace(self, _points=points[-KEPT:], _has_first=self._has_first and len(points) <= KEPT)


def _is_midnight(utc_s: float) -> bool:
    return min(utc_s % DAY_S, -utc_s % DAY_S) <= LEAP_S
