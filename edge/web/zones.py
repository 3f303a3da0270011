"""The time zone of a page: the browser's, which its script keeps in a cookie, or one that the URL names."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from starlette.requests import Request

COOKIE = "zone"
NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}")


def zone_of(request: Request) -> tzinfo:
    """Return the zone that the URL names, else the browser's, else this machine's."""
    for name in (request.query_params.get("zone", ""), request.cookies.get(COOKIE, "")):
        zone = _zone(name)
        if zone is not None:
            return zone
    return datetime.now().astimezone().tzinfo or UTC


def zone_name(zone: tzinfo) -> str:
    """Return the name of a zone."""
    return str(zone)


def _zone(name: str) -> tzinfo | None:
    if name == "UTC":
        return UTC  # needs no time zone database
    if not NAME.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, OSError, ValueError):
        return None
