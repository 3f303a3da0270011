"""How much of the time was heard, and why the rest was not, from the rows of the database alone."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from birdedge.edge.database import coverage_queries
from birdedge.edge.database.coverage_queries import GapRow, SpanRow
from birdedge.edge.gap import PAUSED, Gap

HOUR_S = 3600.0
WHOLE_S = 1e12  # a length of the parts for which there is only one, however long a gap lasts


@dataclass(frozen=True)
class Coverage:
    """Seconds heard and expected between two times.

    Time outside the schedule is not expected, nor is a gap whose length is unknown.
    """

    heard_s: float
    expected_s: float
    gaps: tuple[Gap, ...]  # oldest first
    hours: dict[float, tuple[float, float]]  # by UTC at the start of each: seconds heard and expected

    @property
    def share(self) -> float:
        """Share of the expected time that was heard, 0..1; 1 if nothing was expected."""
        return self.heard_s / self.expected_s if self.expected_s else 1.0


def coverage(
    db: sqlite3.Connection, since_utc_s: float, until_utc_s: float, hour_s: float = HOUR_S
) -> Coverage:
    """Return the coverage between two times, by the clock as it is known now.

    Args:
        db: Database of a recorder.
        since_utc_s: Start of the period.
        until_utc_s: End of the period.
        hour_s: Length of the parts in `hours`, which are counted from 1970.
    """
    return coverage_of(
        coverage_queries.spans(db), coverage_queries.gaps(db), since_utc_s, until_utc_s, hour_s
    )


def coverage_of(
    span_rows: Sequence[SpanRow],
    gap_rows: Sequence[GapRow],
    since_utc_s: float,
    until_utc_s: float,
    hour_s: float = HOUR_S,
) -> Coverage:
    """Return the coverage between two times, from all spans and gaps of a database."""
    gaps = []
    for utc_s, length_s, cause, lasts in gap_rows:
        gap = Gap(utc_s, max(0.0, until_utc_s - utc_s) if lasts else length_s, cause, lasts)
        if utc_s < until_utc_s and utc_s + gap.known_s > since_utc_s:
            gaps.append(gap)
    hours: dict[float, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for span in span_rows:
        end_s = min(span.utc_s + span.length_s, until_utc_s)
        for begin_s, part_s in _parts(max(span.utc_s, since_utc_s), end_s, hour_s):
            hours[begin_s][0] += part_s
            hours[begin_s][1] += part_s
    for gap in gaps:
        if gap.cause != PAUSED:
            end_s = min(gap.utc_s + gap.known_s, until_utc_s)
            for begin_s, part_s in _parts(max(gap.utc_s, since_utc_s), end_s, hour_s):
                hours[begin_s][1] += part_s
    heard_s, expected_s = (sum(hour[i] for hour in hours.values()) for i in range(2))
    by_hour = {begin_s: (heard, expected) for begin_s, (heard, expected) in sorted(hours.items())}
    return Coverage(heard_s, expected_s, tuple(gaps), by_hour)


def _parts(begin_s: float, end_s: float, hour_s: float) -> list[tuple[float, float]]:
    """Return the start of each hour, and the seconds of the period that lie in it."""
    parts = []
    while begin_s < end_s:
        first_s = begin_s // hour_s * hour_s
        until_s = min(end_s, first_s + hour_s)
        parts.append((first_s, until_s - begin_s))
        begin_s = until_s
    return parts
