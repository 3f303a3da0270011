"""Events and audio heard for each hour of many days, in local time with daylight saving."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from birdedge.edge.database.history_queries import events_per_bin
from birdedge.edge.monitoring.coverage import HOUR_S, coverage

BIN_S = 900.0  # offsets of all time zones are multiples of it
MIN_HEARD_S = 60.0  # with less, a rate means nothing
HOURS = 24


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in an hour or another period. The hour in which the clock is set back lasts two hours."""

    events: int = 0
    heard_s: float = 0.0
    expected_s: float = 0.0  # as in `Coverage`
    past_s: float = 0.0  # length of the past part; 0 in the future, and if clocks skip the hour

    @property
    def per_hour(self) -> float | None:
        """Events per hour of audio that was heard; None if too little was heard for a rate."""
        return self.events * HOUR_S / self.heard_s if self.heard_s >= MIN_HEARD_S else None

    @property
    def missed(self) -> float:
        """Share of the time in which nothing was heard, 0..1, for any reason."""
        return max(0.0, 1 - self.heard_s / self.past_s) if self.past_s else 0.0

    def __add__(self, other: Heard) -> Heard:
        return Heard(
            self.events + other.events,
            self.heard_s + other.heard_s,
            self.expected_s + other.expected_s,
            self.past_s + other.past_s,
        )


@dataclass(frozen=True)
class Day:
    """A day from midnight to midnight in local time, with its 24 hours."""

    date: date
    hours: tuple[Heard, ...]

    @property
    def total(self) -> Heard:
        """All hours together."""
        return sum(self.hours, Heard())

    @property
    def busiest(self) -> int | None:
        """The hour with the most events per hour heard; None if there was no event."""
        return max(
            (hour for hour in range(HOURS) if self.hours[hour].events),
            key=lambda hour: self.hours[hour].per_hour or 0.0,
            default=None,
        )


def history(
    db: sqlite3.Connection, first: date, last: date, zone: tzinfo, now_utc_s: float
) -> tuple[Day, ...]:
    """Return the days from the first to the last.

    Args:
        db: Database of a recorder.
        first: The first day.
        last: The last day.
        zone: Time zone of the days and hours.
        now_utc_s: End of the past.
    """
    midnights_s = [midnight_s(first + timedelta(days=n), zone) for n in range((last - first).days + 2)]
    since_s, until_s = midnights_s[0], min(now_utc_s, midnights_s[-1])
    days = {first + timedelta(days=n): [Heard()] * HOURS for n in range(len(midnights_s) - 1)}

    def add(utc_s: float, heard: Heard) -> None:
        local = datetime.fromtimestamp(utc_s, zone)
        day = days.get(local.date())
        if day is not None:  # a bin that begins before the first midnight belongs to no day
            day[local.hour] += heard

    # Most offsets are whole hours, and hourly bins take a quarter of the memory.
    bin_s = HOUR_S if all(s % HOUR_S == 0 for s in midnights_s) else BIN_S
    for begin_s in _bins(since_s, until_s, bin_s):
        add(begin_s, Heard(past_s=min(bin_s, until_s - begin_s)))
    for number, events in events_per_bin(db, since_s, until_s, bin_s):
        add(number * bin_s, Heard(events=events))
    for begin_s, (heard_s, expected_s) in coverage(db, since_s, until_s, bin_s).hours.items():
        add(begin_s, Heard(heard_s=heard_s, expected_s=expected_s))
    return tuple(Day(day, tuple(hours)) for day, hours in days.items())


def midnight_s(day: date, zone: tzinfo) -> float:
    """Return the UTC of the start of a day."""
    return datetime.combine(day, time(), zone).timestamp()


def _bins(since_s: float, until_s: float, bin_s: float) -> Iterator[float]:
    while since_s < until_s:
        yield since_s
        since_s += bin_s
