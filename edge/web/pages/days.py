"""The page Days: how much audio was heard in each hour of a year and of a month, and how much of it was bird."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdedge.edge.companion.day_history import DayHistory
from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.monitoring.history import Day, Heard
from birdedge.edge.web.day_charts import (
    Cell,
    Scale,
    hour_cells,
    month_cells,
    nights,
    paths,
    scale_of,
    sun_of,
)
from birdedge.edge.web.render import folders_of, render
from birdedge.edge.web.sources import chosen_folder
from birdedge.edge.web.zones import zone_name, zone_of

MONTH = re.compile(r"(19[7-9]\d|2\d{3})-(0[1-9]|1[0-2])")
MONTHS = 12


@dataclass(frozen=True)
class Month:
    """A month of the calendar."""

    first: date
    cells: list[Cell]
    total: Heard


def days(request: Request) -> Response:
    """Return the page."""
    folders, zone = folders_of(request), zone_of(request)
    folder = chosen_folder(request, folders)
    now = datetime.now(zone)
    first = _month(request.query_params.get("month", ""), now.date())
    context: dict[str, Any] = {
        "folders": folders,
        "folder": folder,
        "problem": None,
        "month": first,
        "zone": zone_name(zone),
        "source_url": lambda name: "?" + urlencode({"source": name, "month": f"{first:%Y-%m}"}),
    }
    if folder is not None:
        try:
            context |= _charts(request, folder, first, zone)
        except BirdedgeError as error:  # other recorders can be read
            context["problem"] = str(error)
    return render(request, "days.html", **context)


def _charts(request: Request, folder: RecorderFolder, first: date, zone: tzinfo) -> dict[str, Any]:
    history: DayHistory = request.app.state.day_history
    year = history.days(folder, date(first.year, 1, 1), date(first.year, MONTHS, 31), zone)
    month = [day for day in year if day.date.month == first.month]
    place = request.app.state.place
    hour_scale = scale_of(hour for day in year for hour in day.hours)
    day_scale = scale_of(day.total for day in year)
    year_suns, month_suns = (
        sun_of([day.date for day in part], zone, place) if place else [] for part in (year, month)
    )
    return {
        "months": [_month_of(year, number, zone, day_scale) for number in range(1, MONTHS + 1)],
        "day_scale": day_scale,
        "hour_scale": hour_scale,
        "year_days": len(year),
        "year_paths": paths(hour_cells(year, zone, hour_scale)),
        "year_nights": nights(year_suns),
        "year_total": sum((day.total for day in year), Heard()),
        "month_starts": [
            (date(first.year, m, 1), date(first.year, m, 1).timetuple().tm_yday - 1) for m in range(1, 13)
        ],
        "days": month,
        "cells": hour_cells(month, zone, hour_scale),
        "nights": nights(month_suns),
        "suns": month_suns,
        "nothing": Heard(),
        "before": (first - timedelta(days=1)).replace(day=1),
        "after": first + timedelta(days=calendar.monthrange(first.year, first.month)[1]),
        "url": lambda month: "?" + urlencode(_kept(request, zone) | {"month": f"{month:%Y-%m}"}),
        "events_url": lambda begins, ends: "events?" + _events_query(folder, begins, ends),
        "day_url": lambda day: "events?" + _events_query(folder, *_day(day, zone)),
        "clock": _clock,
    }


def _month_of(year: tuple[Day, ...], number: int, zone: tzinfo, scale: Scale) -> Month:
    found = [day for day in year if day.date.month == number]
    total = sum((day.total for day in found), Heard())
    return Month(found[0].date, month_cells(found, zone, scale), total)


def _month(text: str, today: date) -> date:
    """Return the first day of the month that the URL names, else of this month.

    Raises:
        HTTPException: It is not a month.
    """
    if not text:
        return today.replace(day=1)
    if not MONTH.fullmatch(text):
        raise HTTPException(400, f"month is {text!r}; it must be a year and a month, such as 2026-05")
    return date(int(text[:4]), int(text[5:]), 1)


def _kept(request: Request, zone: tzinfo) -> dict[str, str]:
    """Return the parts of the URL that links to other months keep; an unknown zone is not kept."""
    given = {name: request.query_params.get(name) for name in ("source", "zone")}
    return {
        name: text for name, text in given.items() if text and (name != "zone" or text == zone_name(zone))
    }


def _day(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    begins = datetime(day.year, day.month, day.day, tzinfo=zone)
    return begins, begins + timedelta(days=1)


def _events_query(folder: RecorderFolder, begins: datetime, ends: datetime) -> str:
    """Return the filter of the page Events for a span of time."""
    times = {"from": begins, "to": ends}
    utc = {name: time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") for name, time in times.items()}
    return urlencode({"source": folder.name} | utc)


def _clock(hours: float | None) -> str:
    """Return hours as a clock time, such as 5:31."""
    return "–" if hours is None else f"{int(hours)}:{round(hours % 1 * 60):02d}"


routes = [Route("/days", days)]
