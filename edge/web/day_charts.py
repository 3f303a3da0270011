"""The geometry of the charts on the page Days, in units of their view boxes."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

from birdedge.edge.monitoring.history import HOURS, Day, Heard
from birdedge.edge.recorder.sun import SunEvent, sun_event_s
from birdedge.edge.web.today import Place

LEVELS = 5  # colours for one event or more; without events, the night or the day shows through
MISSED = 0.02  # a smaller share of an hour is not hatched
SUN_STEP_DAYS = 7  # in between, the sun is interpolated, to within a minute or two
EPOCH = date(1970, 1, 1)


class Sun(NamedTuple):
    """Sunrise and sunset of a day in hours of its clock; None if the sun stays below or above the horizon."""

    rise_h: float | None
    set_h: float | None
    is_light: bool  # whether it is light at noon

    @property
    def nights_h(self) -> tuple[tuple[float, float], ...]:
        """Start and end of the parts of the day that are night."""
        rise_h, set_h = self.rise_h, self.set_h
        if rise_h is None and set_h is None:
            return () if self.is_light else ((0.0, HOURS),)
        if rise_h is None or set_h is None:
            return ((0.0, rise_h),) if rise_h is not None else ((set_h or 0.0, HOURS),)
        return ((0.0, rise_h), (set_h, HOURS)) if rise_h < set_h else ((set_h, rise_h),)


@dataclass(frozen=True)
class Scale:
    """The upper ends of the levels in events per hour, such as 1, 3, 10 and 30; the last level has none."""

    limits: tuple[float, ...]

    def level(self, heard: Heard) -> int | None:
        """Return 0 for no event, 1..5 for some, and None if too little was heard to say."""
        if heard.per_hour is None:
            return None
        return 0 if not heard.events else 1 + sum(heard.per_hour > limit for limit in self.limits)


class Cell(NamedTuple):
    """An hour or a day in a chart."""

    x: int
    y: int
    heard: Heard
    level: int | None
    missed: float  # share of the cell that is hatched, 0..1
    begins: datetime  # in the zone of the chart
    ends: datetime


class Stripe(NamedTuple):
    """A night in a column of a chart, in hours."""

    x: int
    y: float
    height: float


def scale_of(parts: Iterable[Heard]) -> Scale:
    """Return the scale whose last level holds the 98th percentile of the rates."""
    rates = sorted(part.per_hour for part in parts if part.events and part.per_hour is not None)
    high = rates[int(0.98 * (len(rates) - 1))] if rates else 1.0
    steps = [one * 10.0**power for power in range(-2, 7) for one in (1.0, 3.0)]
    top = next((number for number, step in enumerate(steps) if step >= high), len(steps) - 1)
    first = max(0, top - (LEVELS - 1))
    return Scale(tuple(steps[first : first + LEVELS - 1]))


def hour_cells(days: Sequence[Day], zone: tzinfo, scale: Scale) -> list[Cell]:
    """Return the hours of days that have started: a column for each day, and a row for each hour."""
    cells = []
    for x, day in enumerate(days):
        for hour, heard in enumerate(day.hours):
            if heard.past_s:
                begins = datetime(day.date.year, day.date.month, day.date.day, hour, tzinfo=zone)
                cells.append(_cell(x, hour, heard, scale, begins, begins + timedelta(hours=1)))
    return cells


def month_cells(days: Sequence[Day], zone: tzinfo, scale: Scale) -> list[Cell]:
    """Return the days of a month that have started: a row for each week, from Monday."""
    cells = []
    for day in days:
        heard = day.total
        place = day.date.day - 1 + day.date.replace(day=1).weekday()
        begins = datetime(day.date.year, day.date.month, day.date.day, tzinfo=zone)
        if heard.past_s:
            cells.append(_cell(place % 7, place // 7, heard, scale, begins, begins + timedelta(days=1)))
    return cells


def _cell(x: int, y: int, heard: Heard, scale: Scale, begins: datetime, ends: datetime) -> Cell:
    level = scale.level(heard)
    missed = 1.0 if level is None else heard.missed if heard.missed > MISSED else 0.0
    return Cell(x, y, heard, level, missed, begins, ends)


def paths(cells: Iterable[Cell]) -> Mapping[int | Literal["missed"], str]:
    """Return one path for the cells of each level, and one for missed time; this stays small for a year of hours."""
    found: dict[int | Literal["missed"], list[str]] = {}
    for cell in cells:
        if cell.level:
            found.setdefault(cell.level, []).append(f"M{cell.x} {cell.y}h1v1h-1z")
        if cell.missed:
            y, height = cell.y + 1 - cell.missed, cell.missed
            found.setdefault("missed", []).append(f"M{cell.x} {y:.3g}h1v{height:.3g}h-1z")
    return {level: "".join(parts) for level, parts in found.items()}


def sun_of(days: Sequence[date], zone: tzinfo, place: Place) -> list[Sun]:
    """Return the sun of successive days."""
    step = 1 if len(days) <= calendar.monthrange(2024, 1)[1] else SUN_STEP_DAYS
    rises_h, sets_h = (_local_hours(event, days, zone, place, step) for event in ("sunrise", "sunset"))
    summer = range(81, 266)  # days of the year on which the sun is north of the equator
    return [
        Sun(rises_h.get(day), sets_h.get(day), (day.timetuple().tm_yday in summer) == (place[0] > 0))
        for day in days
    ]


def nights(suns: Sequence[Sun]) -> list[Stripe]:
    """Return the nights of successive days."""
    return [
        Stripe(x, round(begin_h, 2), round(end_h - begin_h, 2))
        for x, sun in enumerate(suns)
        for begin_h, end_h in sun.nights_h
    ]


def _local_hours(
    event: SunEvent, days: Sequence[date], zone: tzinfo, place: Place, step: int
) -> dict[date, float]:
    """Return the local time of an event of the sun in hours, by the local day on which it occurs."""
    first, last = (days[0] - EPOCH).days - 1, (days[-1] - EPOCH).days + 1 + step
    known = {number: sun_event_s(event, number, *place) for number in range(first, last + 1, step)}
    hours: dict[date, float] = {}
    for number in range(first, last):
        before = first + (number - first) // step * step
        begin_s, end_s = known.get(before), known.get(before + step)
        if begin_s is None or (end_s is None and number > before):
            continue
        rest_s = 0.0 if end_s is None else (end_s - begin_s - 86_400 * step) * (number - before) / step
        local = datetime.fromtimestamp(begin_s + 86_400 * (number - before) + rest_s, UTC).astimezone(zone)
        hours[local.date()] = local.hour + local.minute / 60
    return hours
