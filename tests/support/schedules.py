"""Schedules, and the times at which they open and close."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from birdedge.edge.recorder.schedule import Schedule, ScheduleSettings

LONGYEARBYEN = (78.22, 15.65)
BERLIN = (52.52, 13.405)
ATLANTA = (33.8, -84.4)
GOLDEN = (39.742476, -105.1786)
REYKJAVIK = (64.147, -21.94)
NOWHERE = (None, None)
DAY_S = 86_400
Place = tuple[float | None, float | None]


def utc_s(text: str) -> float:
    """Return an ISO time in UTC as seconds since 1970-01-01."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def schedule(*windows: str, place: Place = NOWHERE, **settings: Any) -> Schedule:
    """Return a schedule at a place."""
    return Schedule(ScheduleSettings(windows, **settings), *place)


def openings(made: Schedule, first: str, last: str) -> list[tuple[str, str]]:
    """Return when the schedule opens and closes from `first` to `last`, in UTC to the second."""
    assert not made.is_open(utc_s(first))
    changes: list[str] = []
    at_s = made.next_change_s(utc_s(first))
    while at_s is not None and at_s < utc_s(last):
        changes.append(datetime.fromtimestamp(at_s, UTC).strftime("%m-%d %H:%M:%S"))
        at_s = made.next_change_s(at_s)
    return list(zip(changes[::2], changes[1::2], strict=True))


def opens(made: Schedule, first: str, last: str) -> list[str]:
    """Return when the schedule opens from `first` to `last`."""
    return [start for start, _ in openings(made, first, last)]
