"""Audacity label tracks with frequency bands: two lines per event.

https://manual.audacityteam.org/man/importing_and_exporting_labels.html
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from birdedge.edge.formats.columns import number_text

if TYPE_CHECKING:  # an Event loads numpy, which reading a configuration does not need
    from birdedge.edge.event import Event

SUFFIX = ".labels.txt"


def event_lines(event: Event, _file: str | Path, _number: int, *_unused: object) -> str:
    r"""Return one event as `onset<TAB>offset<TAB>label` and `\<TAB>low<TAB>high`, in seconds and hertz."""
    onset, offset, low, high, score = (
        number_text(getattr(event, column), column)
        for column in ("onset_s", "offset_s", "low_hz", "high_hz", "score")
    )
    return f"{onset}\t{offset}\tbird {score}\n\\\t{low}\t{high}\n"
