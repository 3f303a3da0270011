"""The present day of a recorder as a picture: events per hour, gaps, and the sun."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from itertools import pairwise
from typing import NamedTuple

from birdedge.edge.database.event_queries import count_events
from birdedge.edge.monitoring.coverage import coverage
from birdedge.edge.recorder.sun import SunEvent, sun_event_s

DAY_S, HOUR_S = 86_400, 3600
WIDTH, HEIGHT = 480.0, 84.0  # size of the picture without its labels
MIN_GAP_WIDTH = 0.75
LABEL_EVERY_HOURS = 6
Place = tuple[float, float]  # latitude and longitude in degrees


class Bar(NamedTuple):
    """The events of an hour."""

    x: float
    y: float
    width: float
    height: float
    events: int
    begins: datetime


class Stripe(NamedTuple):
    """A part of the day: a gap with its cause, or a night."""

    x: float
    width: float
    name: str


class Mark(NamedTuple):
    """A moment of the day: an hour with a label, sunrise or sunset."""

    x: float
    time: datetime
    name: str


@dataclass(frozen=True)
class Today:
    """The day so far in the units of the picture; x runs from midnight to midnight."""

    bars: tuple[Bar, ...]
    gaps: tuple[Stripe, ...]
    nights: tuple[Stripe, ...]
    sun: tuple[Mark, ...]
    hours: tuple[Mark, ...]
    now_x: float
    max_events: int  # in one hour
    events: int
    width: float = WIDTH
    height: float = HEIGHT


class _Day:
    """The day of a moment, from midnight to midnight of a zone; 23 or 25 hours long twice a year."""

    def __init__(self, now_s: float, zone: tzinfo) -> None:
        self.zone = zone
        midnight = self.time(now_s).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        self.begin_s = midnight.timestamp()
        self.end_s = (midnight + timedelta(days=1)).timestamp()
        hours = round((self.end_s - self.begin_s) / HOUR_S)
        self.hours_s = [self.begin_s + HOUR_S * hour for hour in range(hours)]

    def time(self, utc_s: float) -> datetime:
        return datetime.fromtimestamp(utc_s, self.zone)

    def x(self, utc_s: float) -> float:
        share = (utc_s - self.begin_s) / (self.end_s - self.begin_s)
        return round(min(max(share, 0.0), 1.0) * WIDTH, 2)

    def stripe(self, begin_s: float, end_s: float, name: str, min_width: float = 0.0) -> Stripe:
        x = self.x(begin_s)
        return Stripe(x, max(min_width, round(self.x(end_s) - x, 2)), name)

    def mark(self, utc_s: float, name: str) -> Mark:
        return Mark(self.x(utc_s), self.time(utc_s), name)


def today(db: sqlite3.Connection, now_s: float, zone: tzinfo, place: Place | None = None) -> Today:
    """Return the day that contains a moment.

    Args:
        db: the database of a recorder.
        now_s: the moment in UTC seconds.
        zone: the zone whose midnight begins the day.
        place: the place of the recorder; None for no sun.
    """
    day = _Day(now_s, zone)
    since = [count_events(db, hour_s) if hour_s < now_s else 0 for hour_s in (*day.hours_s, day.end_s)]
    counts = [max(0, first - later) for first, later in pairwise(since)]
    nights_s = _nights_s(day, place) if place else []
    sun = [moment for night_s in nights_s for moment in zip(night_s, ("sunset", "sunrise"), strict=True)]
    return Today(
        tuple(
            _bar(day, hour_s, count, max(counts)) for hour_s, count in zip(day.hours_s, counts, strict=True)
        ),
        tuple(
            day.stripe(gap.utc_s, gap.utc_s + gap.known_s, gap.cause, MIN_GAP_WIDTH)
            for gap in coverage(db, day.begin_s, now_s).gaps
        ),
        tuple(stripe for night_s in nights_s if (stripe := day.stripe(*night_s, "night")).width),
        tuple(day.mark(utc_s, name) for utc_s, name in sun if day.begin_s <= utc_s < day.end_s),
        tuple(
            day.mark(hour_s, f"{day.time(hour_s):%H}")
            for hour_s in day.hours_s
            if day.time(hour_s).hour % LABEL_EVERY_HOURS == 0
        ),
        day.x(now_s),
        max(counts),
        sum(counts),
    )


def _bar(day: _Day, hour_s: float, count: int, max_count: int) -> Bar:
    x, height = day.x(hour_s), round(HEIGHT * count / max(1, max_count), 2)
    width = round(day.x(hour_s + HOUR_S) - x - 2, 2)
    return Bar(x + 1, round(HEIGHT - height, 2), width, height, count, day.time(hour_s))


def _nights_s(day: _Day, place: Place) -> list[tuple[float, float]]:
    """Return sunset and next sunrise of the nights around a day; none if the sun does not set or rise."""
    days = range(int(day.begin_s // DAY_S) - 1, int(day.end_s // DAY_S) + 2)

    def moments(event: SunEvent) -> list[int]:
        found = (sun_event_s(event, number, *place) for number in days)
        return sorted(utc_s for utc_s in found if utc_s is not None)

    sunrises = moments("sunrise")
    nights = ((sunset, next((s for s in sunrises if s > sunset), None)) for sunset in moments("sunset"))
    return [
        (sunset, sunrise) for sunset, sunrise in nights if sunrise is not None and sunrise - sunset < DAY_S
    ]
