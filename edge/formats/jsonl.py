"""Events as JSON Lines: one JSON object per line (https://jsonlines.org)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from birdedge.edge.formats.columns import EVENT_COLUMNS

if TYPE_CHECKING:  # an Event loads numpy, which reading a configuration does not need
    from birdedge.edge.event import Event

SUFFIX = ".jsonl"


def event_json(event: Event, file: str | Path) -> str:
    """Return one event of the recording `file` as a JSON object without a line end; NaN or infinity is null."""
    record: dict[str, str | float | None] = {"file": str(file)}
    for column, decimals in EVENT_COLUMNS.items():
        value = float(getattr(event, column))
        # Adding 0.0 turns a rounded -0.0 into 0.0.
        record[column] = round(value, decimals) + 0.0 if math.isfinite(value) else None
    return json.dumps(record, allow_nan=False)


def event_lines(event: Event, file: str | Path, _number: int) -> str:
    """Return one event of the recording `file` as a line."""
    return event_json(event, file) + "\n"
