"""Quiet hours: parts of the day in local time."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from birdedge.edge.errors import SettingsError

CLOCK = r"([01]?\d|2[0-3]):([0-5]\d)"


@cache
def zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        SettingsError: There is no time zone with this name.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise SettingsError(f"timezone is {name!r}; it must be a name such as Europe/Berlin") from None


@cache
def minutes(hours: str) -> tuple[int, int]:
    """Return the first minute in the day of quiet hours such as `22:00..06:00`, and the first minute after them.

    Raises:
        SettingsError: The quiet hours are not in this form, or have no length.
    """
    found = re.fullmatch(rf"{CLOCK}\.\.{CLOCK}", hours)
    if not found:
        raise SettingsError(f"quiet_hours has {hours!r}; it must be like 22:00..06:00")
    hour, minute, end_hour, end_minute = map(int, found.groups())
    begin, end = 60 * hour + minute, 60 * end_hour + end_minute
    if begin == end:
        raise SettingsError(f"quiet_hours has {hours!r}, which has no length; give two different times")
    return begin, end


def is_quiet(quiet_hours: Iterable[str], timezone: str, utc_s: float) -> bool:
    """Return whether a moment is in quiet hours.

    Quiet hours that end before they begin extend into the next day. The local clock counts: when it is changed, quiet
    hours become shorter or longer.
    """
    local = datetime.fromtimestamp(utc_s, zone(timezone))
    now = 60 * local.hour + local.minute
    spans = (minutes(hours) for hours in quiet_hours)
    return any(begin <= now < end if begin < end else now >= begin or now < end for begin, end in spans)


def day_begin_utc_s(timezone: str, utc_s: float) -> float:
    """Return when the day of a moment began in a time zone."""
    local = datetime.fromtimestamp(utc_s, zone(timezone))
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()
