"""The rows of a run that are still being written."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from birdedge.edge.database.transfer import NewNumbers
from birdedge.edge.messages import StreamStarted
from birdedge.edge.pipeline.utc_line import UtcLine
from birdedge.edge.times import Stamp

OF_THIS_PROCESS = frozenset({"utc", "opened"})  # known from the clock and from the database


@dataclass
class OpenRows:
    """The rows that the next message needs; a number is 0 if there is no row."""

    utc: UtcLine
    opened: int = 0  # count of `DatabaseFile.opened` to which the numbers belong
    boot: int = 0
    run: int = 0
    run_began_s: float = 0.0
    stream: int = 0
    started: StreamStarted | None = None
    span: int = 0
    span_begin: Stamp | None = None
    span_continued: Stamp | None = None  # where it begins in this database, if its start is in another one
    until: Stamp | None = None  # of the last audio
    heard_until_s: float | None = None  # end of the last span that ended
    gap: int = 0
    gap_began_s: float = 0.0
    gap_cause: str = ""
    gap_before_run: int = 0  # ends with the first audio, or with a gap of another cause
    gap_before_span: int = 0  # ends where the span begins, which becomes more exact as time passes
    anchored_s: float = 0.0

    def table(self) -> dict[str, Any]:
        """Return the attributes that another process needs to continue these rows."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in OF_THIS_PROCESS}

    def take(self, numbers: NewNumbers) -> None:
        """Replace the numbers with those of the copies in another database."""
        self.stream = numbers.streams.get(self.stream, 0)
        self.span = numbers.spans.get(self.span, 0)
        self.gap = numbers.gaps.get(self.gap, 0)
        self.gap_before_span = numbers.gaps.get(self.gap_before_span, 0)
        if numbers.streams:  # the gap before the run has ended
            self.gap_before_run = 0
