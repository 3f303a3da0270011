"""The timekeeper: the only place that knows when a sample was heard.

Samples arrive late by a varying delay, and never early. In each half minute, only the least late arrival counts. The
slope of the line through these arrivals is the true rate of the crystal: microphones are off their nominal rate by
50 ppm and more, which is four seconds per day. When a device is reopened, the count of lost samples is a guess, so the
line continues with the same slope and an offset of its own. UTC comes from `UtcLine`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from birdedge.edge.pipeline.utc_line import UtcLine
from birdedge.edge.times import ClockReading, Stamp

WINDOW_S = 30.0
MAX_WINDOWS = 240  # two hours: a crystal follows the temperature of the day
MIN_WINDOWS = 10  # with fewer, the nominal rate is the better guess
MAX_DRIFT = 1e-3  # more is lost audio, not a crystal
ARRIVAL_S = 0.2  # how late the least late arrival may be


@dataclass
class _Segment:
    """Samples that were counted without a guess: `windows` holds the least late arrival of each half minute."""

    first_sample: int
    windows: list[tuple[float, float]] = field(default_factory=list)  # nominal seconds, seconds of lateness
    late_s: float = 0.0  # lateness of the line at the nominal time 0


class Timekeeper:
    """Stamps the samples of one stream after another.

    Without clock readings, as for a recording, the nominal rate is exact and there is no UTC.

    Args:
        reading: what the clocks show at the start.
        utc_line: what is known about UTC from earlier in this boot.

    Attributes:
        drift: (true rate - nominal rate) / nominal rate; 50e-6 is 50 ppm. 0 until it is known.
        uncertainty_s: the largest error of a stamp, if the boot clock is right.
        span: stamp of the first sample since the last gap.
    """

    span: Stamp

    def __init__(self, reading: ClockReading | None = None, utc_line: UtcLine | None = None) -> None:
        self._utc_line = utc_line or UtcLine()
        self._boot_s = 0.0  # the boot clock when it was last read
        if reading is not None:
            self._follow_clock(reading)
        self.begin_stream(1)

    def begin_stream(self, sample_rate_hz: int) -> None:
        """Count samples from 0 again: a device was opened, perhaps a different one."""
        self._sample_rate_hz = sample_rate_hz
        self._segments = [_Segment(0, late_s=self._boot_s)]
        self._began_s = self._boot_s
        self.drift = 0.0
        self.uncertainty_s = ARRIVAL_S
        self.begin_span(0)

    def begin_span(self, sample: int) -> None:
        """Start a span: audio is heard from `sample` on, after a known number of lost samples."""
        self._span_follows_line = sample == self._segments[-1].first_sample
        self.span = self.stamp(sample)

    def reopened(self, sample: int) -> None:
        """Start a segment: audio is heard from `sample` on, after a loss whose length only the clock knows.

        The next arrival must be reported before anything else; it gives the time.
        """
        self._segments.append(_Segment(sample, late_s=self._boot_s - sample / self._sample_rate_hz))

    def arrived(self, sample: int, reading: ClockReading) -> None:
        """Record what the clocks showed when all audio up to `sample` had arrived."""
        self._follow_clock(reading)
        segment = self._segments[-1]
        nominal_s = sample / self._sample_rate_hz
        point = nominal_s, reading.boot_s - nominal_s
        windows = segment.windows
        if not windows or nominal_s // WINDOW_S > windows[-1][0] // WINDOW_S:
            windows.append(point)
            self._forget_old_windows()
        elif point[1] < windows[-1][1]:
            windows[-1] = point
        else:
            return
        self._fit()
        if len(windows) <= MIN_WINDOWS:  # later, the line no longer describes the start
            if len(self._segments) == 1:
                self._began_s = segment.late_s
            if self._span_follows_line:
                self.span = self.stamp(self.span.sample)

    def stamp(self, sample: int) -> Stamp:
        """Return when that sample was heard."""
        segment = next((s for s in reversed(self._segments) if s.first_sample <= sample), self._segments[0])
        nominal_s = sample / self._sample_rate_hz
        return self._stamp(sample, nominal_s - self.drift * nominal_s + segment.late_s)

    def now(self, reading: ClockReading) -> Stamp:
        """Return the stamp of a moment without audio; its sample is 0."""
        self._follow_clock(reading)
        return self._stamp(0, reading.boot_s)

    def _stamp(self, sample: int, boot_s: float) -> Stamp:
        line, elapsed_s = self._utc_line, boot_s - self._began_s
        return Stamp(sample, elapsed_s, boot_s, line.utc_s(boot_s), self.uncertainty_s, line.synchronized)

    def _follow_clock(self, reading: ClockReading) -> None:
        self._boot_s = reading.boot_s
        self._utc_line = self._utc_line.follow(reading)

    def _forget_old_windows(self) -> None:
        excess = sum(len(segment.windows) for segment in self._segments) - MAX_WINDOWS
        while excess > 0:
            if not self._segments[0].windows:
                self._segments.pop(0)
                continue
            self._segments[0].windows.pop(0)
            excess -= 1

    def _fit(self) -> None:
        """Fit one slope to all segments, and one offset to each."""
        points = [np.array(s.windows).reshape(-1, 2).T for s in self._segments]
        slope = 0.0
        if sum(p.shape[1] for p in points) >= MIN_WINDOWS:
            # The last window may still find a less late arrival.
            complete = [*points[:-1], points[-1][:, :-1]]
            centred = [p - p.mean(axis=1, keepdims=True) for p in complete if p.shape[1]]
            variance = sum(float(x @ x) for x, _ in centred)
            slope = sum(float(x @ y) for x, y in centred) / variance if variance else 0.0
            slope = slope if abs(slope) <= MAX_DRIFT else 0.0
        self.drift = -slope
        for segment, (nominal_s, late_s) in zip(self._segments, points, strict=True):
            if len(nominal_s):
                rest_s = late_s - slope * nominal_s
                enough = len(rest_s) >= MIN_WINDOWS
                segment.late_s = float(np.median(rest_s) if enough else rest_s.min())
                self.uncertainty_s = ARRIVAL_S + float(np.abs(rest_s - segment.late_s).max())


def recording_clock(start_utc_s: float | None) -> Timekeeper:
    """Return the timekeeper of a recording, whose nominal rate is exact and whose start may be known."""
    return Timekeeper(None if start_utc_s is None else ClockReading(0.0, start_utc_s, None))
