"""The filter of the page Events, as encoded in the URL."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request

from birdedge.edge.companion.event_view import Cursor, LabelFilter, View
from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.database.event_pages import EventFilter
from birdedge.edge.sound_classes import SOUND_CLASSES

NUMBERS = ("low_hz", "high_hz", "min_score", "max_score", "min_duration_s", "max_duration_s")
TIMES = {"from": "since_utc_s", "to": "until_utc_s"}
NAMES = ("kind", "source", *TIMES, *NUMBERS, "class", "label")
LABEL_FILTERS = tuple(label for label in get_args(LabelFilter) if label)


@dataclass(frozen=True)
class UrlFilter:
    """The values of the form by name, without empty and unknown ones, and the filter that they describe."""

    fields: Mapping[str, str]
    wanted: EventFilter

    @property
    def query(self) -> str:
        """The filter as the query of a URL."""
        return urlencode(dict(self.fields))

    def view(self, folders: Iterable[RecorderFolder]) -> View:
        """Return the view of these recorders."""
        source = self.fields.get("source")
        label: Any = self.fields.get("label", "")
        return View([folder for folder in folders if source in (None, folder.name)], self.wanted, label)


def filter_of(query: str) -> UrlFilter:
    """Return the filter that the query of a URL describes.

    Raises:
        HTTPException: A value is not allowed in its field.
    """
    given = {name: value.strip() for name, value in parse_qsl(query) if value.strip()}
    fields = {name: given[name] for name in NAMES if name in given}
    settings: dict[str, Any] = {name: _number(name, fields[name]) for name in NUMBERS if name in fields}
    settings |= {TIMES[name]: _utc_s(name, fields[name]) for name in TIMES if name in fields}
    settings["sound_class"] = _one_of("class", fields, SOUND_CLASSES)
    settings["kind"] = _one_of("kind", fields, ("events", "rejected")) or "events"
    _one_of("label", fields, LABEL_FILTERS)
    return UrlFilter(fields, EventFilter(**settings))


def cursor_of(request: Request, name: str) -> Cursor | None:
    """Return the cursor of a page, such as `after=oak:12&after=beech:99`; None if there is none."""
    cursor = {}
    for item in request.query_params.getlist(name):
        source, _, number = item.rpartition(":")
        digits = number.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            raise HTTPException(400, f"{name} is {item!r}; it must be a source and a number, such as oak:12")
        cursor[source] = int(number)
    return cursor or None


def cursor_query(name: str, cursor: Cursor) -> str:
    """Return a cursor as part of the query of a URL."""
    return urlencode([(name, f"{source}:{number}") for source, number in cursor.items()])


def _number(name: str, text: str) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise HTTPException(400, f"{name} is {text!r}; it must be a number from 0")
    return value


def _utc_s(name: str, text: str) -> float:
    """Return a time in UTC seconds; a day without a time means its start or, for `to`, its end."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            time = time.replace(tzinfo=UTC)
        if name == "to" and "T" not in text.upper() and " " not in text:  # a day alone
            time += timedelta(days=1)
        return time.timestamp()
    except (ValueError, OverflowError):
        raise HTTPException(
            400,
            f"{name} is {text!r}; it must be a day or a time in UTC, such as 2026-05-01 or 2026-05-01T04:30",
        ) from None


def _one_of(name: str, fields: Mapping[str, str], allowed: tuple[str, ...]) -> str | None:
    value = fields.get(name)
    if value is not None and value not in allowed:
        raise HTTPException(400, f"{name} is {value!r}; use one of {', '.join(allowed)}")
    return value
