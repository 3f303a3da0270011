"""Times on the pages: UTC in the page, which a script shows in the browser's zone."""

from __future__ import annotations

from datetime import UTC, datetime


def utc(utc_s: float) -> datetime:
    """Return a UTC time from seconds since 1970, to the millisecond; a clock that was never set gives at least 1970."""
    return datetime.fromtimestamp(round(max(0.0, utc_s), 3), UTC)
