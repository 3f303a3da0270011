"""The event table formats by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from birdedge.edge.formats import audacity, csv, jsonl, raven

if TYPE_CHECKING:  # an Event loads numpy, which reading a configuration does not need
    from birdedge.edge.event import Event

TableName = Literal["raven", "audacity", "csv", "jsonl"]
TABLE_NAMES: tuple[TableName, ...] = get_args(TableName)


@dataclass(frozen=True)
class TableFormat:
    """The suffix of a table's file name, its first line, and the text of one event."""

    suffix: str
    header: str  # with its line end; empty if the format has none
    # Event, recording, number of the event from 1, channel from 0 (None: the mean of all), UTC of the start or None.
    event_lines: Callable[[Event, str | Path, int, int | None, float | None], str]


FORMATS: dict[TableName, TableFormat] = {
    "raven": TableFormat(raven.SUFFIX, raven.HEADER, raven.event_lines),
    "audacity": TableFormat(audacity.SUFFIX, "", audacity.event_lines),
    "csv": TableFormat(csv.SUFFIX, csv.header(), csv.event_lines),
    "jsonl": TableFormat(jsonl.SUFFIX, "", jsonl.event_lines),
}
