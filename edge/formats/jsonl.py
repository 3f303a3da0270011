"""Events as JSON Lines: one JSON object per line (https://jsonlines.org)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from birdedge.edge.formats.columns import EVENT_COLUMNS, HISTORY_COLUMNS, utc_text

if TYPE_CHECKING:  # an Event loads numpy, which reading a configuration does not need
    from birdedge.edge.event import Event

SUFFIX = ".jsonl"


def event_json(event: Event, file: str | Path, start_utc_s: float | None = None) -> str:
    """Return one event as a JSON object without a line end; NaN, infinity and unknown values are null.

    Args:
        event: The event; its times count from the start of the recording or stream.
        file: The recording or source.
        start_utc_s: UTC of that start; None if it is unknown.
    """
    record = {
        "file": str(file),
        **_numbers(event, EVENT_COLUMNS),
        "onset_utc": utc_text(event.onset_s, start_utc_s),
        "offset_utc": utc_text(event.offset_s, start_utc_s),
    }
    return json.dumps(record, allow_nan=False)


def region_json(region: Event, file: str | Path, decision: str) -> str:
    """Return a region, whether or not it is an event, as a JSON object like `event_json`, with its decision."""
    record = {
        "file": str(file),
        **_numbers(region, EVENT_COLUMNS),
        "sound_class": region.sound_class,
        **_numbers(region, HISTORY_COLUMNS),
        "alike": region.alike,
        "reason": region.reason or None,
        "decision": decision,
    }
    return json.dumps(record, allow_nan=False)


def event_lines(
    event: Event,
    file: str | Path,
    _number: int,
    _channel: int | None = None,
    start_utc_s: float | None = None,
) -> str:
    """Return one event of the recording `file` as a line."""
    return event_json(event, file, start_utc_s) + "\n"


def _numbers(event: Event, columns: dict[str, int]) -> dict[str, float | None]:
    values = {column: float(getattr(event, column)) for column in columns}
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    return {c: round(v, columns[c]) + 0.0 if math.isfinite(v) else None for c, v in values.items()}
