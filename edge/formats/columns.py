"""The event columns that the text formats share, and how their values are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

EVENT_COLUMNS = {  # attribute of `Event`: decimals
    "onset_s": 4,
    "offset_s": 4,
    "low_hz": 1,
    "high_hz": 1,
    "peak_hz": 1,
    "score": 3,
    "area_hz_s": 1,
    "snr_db": 1,
}
HISTORY_COLUMNS = {"class_score": 3, "busy_10_s": 3, "busy_30_s": 3, "busy_60_s": 3}  # likewise


def number_text(value: float, column: str) -> str:
    """Return `value` with the decimals of `column`, or an empty string for NaN or infinity."""
    return f"{value:z.{EVENT_COLUMNS[column]}f}" if math.isfinite(value) else ""


def path_text(path: str | Path) -> str:
    """Return an equivalent path that no spreadsheet mistakes for a formula."""
    text = str(path)
    return f"./{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", '"')) else text


def utc_text(event_s: float, start_utc_s: float | None) -> str | None:
    """Return the UTC of a time in a stream as ISO 8601 with milliseconds; None if the UTC of its start is unknown."""
    if start_utc_s is None or not math.isfinite(event_s):
        return None
    time = datetime.fromtimestamp(round(start_utc_s + event_s, 3), UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
