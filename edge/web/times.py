"""Times on the pages: UTC in the page, in the zone of the browser by its script."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(utc_s: float) -> datetime:
    """Return a UTC, in seconds since 1970, to the millisecond; of a clock that was never set, at least 1970."""
    return datetime.fromtimestamp(round(max(0.0, utc_s), 3), UTC)
