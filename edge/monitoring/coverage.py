"""What part of the time was heard, and why the rest was not, from the rows of the store alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from birdedge.edge.database.store import Store

PAUSED = "paused by schedule"
HOUR_S = 3600.0


@dataclass(frozen=True)
class Gap:
    """Time in which nothing was heard; `length_s` until now where it lasts."""

    utc_s: float
    length_s: float
    cause: str
    lasts: bool = False


@dataclass(frozen=True)
class Coverage:
    """Seconds heard and expected (not what the schedule left out), by hour of UTC too, and the gaps, oldest first."""

    heard_s: float
    expected_s: float
    gaps: tuple[Gap, ...]
    hours: dict[float, tuple[float, float]]  # start of the hour: heard, expected

    @property
    def share(self) -> float:
        """Heard of expected, 0..1; 1 where nothing was expected."""
        return self.heard_s / self.expected_s if self.expected_s else 1.0


def coverage(store: Store, since_utc_s: float, until_utc_s: float) -> Coverage:
    """Between two moments of UTC, by the clock as it is known now."""
    spans = store.rows(
        """SELECT began_s + offset_s, samples * 1.0 / sample_rate_hz
        FROM heard JOIN boot_of_stream USING (stream)"""
    )
    rows = store.rows(
        """SELECT gaps.began_s + boots.offset_s, gaps.length_s, gaps.cause FROM gaps
        JOIN boots ON boots.id = gaps.boot ORDER BY 1"""
    )
    gaps = [
        Gap(
            utc_s,
            max(0.0, until_utc_s - utc_s) if length_s is None else length_s,
            str(cause),
            length_s is None,
        )
        for utc_s, length_s, cause in rows
    ]
    gaps = [g for g in gaps if g.utc_s < until_utc_s and g.utc_s + g.length_s > since_utc_s]
    hours: dict[float, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for began_s, length_s in spans:
        for hour_s, part_s in _by_hour(max(began_s, since_utc_s), min(began_s + length_s, until_utc_s)):
            hours[hour_s][0] += part_s
            hours[hour_s][1] += part_s
    for gap in gaps:
        if gap.cause != PAUSED:
            begin_s, end_s = max(gap.utc_s, since_utc_s), min(gap.utc_s + gap.length_s, until_utc_s)
            for hour_s, part_s in _by_hour(begin_s, end_s):
                hours[hour_s][1] += part_s
    heard_s, expected_s = (sum(hour[i] for hour in hours.values()) for i in range(2))
    by_hour = {hour_s: (heard, expected) for hour_s, (heard, expected) in sorted(hours.items())}
    return Coverage(heard_s, expected_s, tuple(gaps), by_hour)


def _by_hour(begin_s: float, end_s: float) -> list[tuple[float, float]]:
    """Each hour's start and its part of the time."""
    parts = []
    while begin_s < end_s:
        hour_s = begin_s // HOUR_S * HOUR_S
        until_s = min(end_s, hour_s + HOUR_S)
        parts.append((hour_s, until_s - begin_s))
        begin_s = until_s
    return parts
