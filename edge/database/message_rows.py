"""The rows that a message of a run writes, and how they change the open rows."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict

from birdedge.edge.database import rows
from birdedge.edge.database.open_rows import OpenRows
from birdedge.edge.database.rejected import KeptRegion
from birdedge.edge.gap import PAUSED, GapCause
from birdedge.edge.messages import (
    AudioHeard,
    ClipDeleted,
    ClipFound,
    ClipWritten,
    EventDetected,
    GapEnded,
    GapStarted,
    HealthReported,
    LoadLevelChanged,
    Message,
    RunEnded,
    SamplesLost,
    StreamEnded,
    StreamStarted,
)
from birdedge.edge.times import Stamp

ANCHOR_S = 60.0  # between two anchors


def write_message(  # noqa: PLR0912  a case per message
    db: sqlite3.Connection, rows_open: OpenRows, message: Message | KeptRegion
) -> None:
    """Write the rows of a message, which may begin, extend or end open rows."""
    match message:
        case AudioHeard():
            _extend_span(db, rows_open, message)
        case EventDetected():
            rows.insert_event(db, rows_open.stream, message, _utc_of(rows_open, message.onset))
        case KeptRegion(region, left_out):
            utc_s = _utc_of(rows_open, region.onset)
            rows.insert_rejected(db, rows_open.stream, region, utc_s, left_out)
        case StreamStarted(stamp):
            begin_stream(db, rows_open, message)
            rows_open.anchored_s = stamp.boot_s - ANCHOR_S
            _end_gap(db, rows_open, stamp.boot_s)
            begin_span(db, rows_open, stamp)
        case StreamEnded(stamp):
            _end_span(db, rows_open, stamp)
        case GapStarted(stamp, cause):
            _end_span(db, rows_open, stamp)
            _begin_gap(db, rows_open, stamp.boot_s, cause)
        case GapEnded(stamp):
            _end_gap(db, rows_open, stamp.boot_s)
            begin_span(db, rows_open, stamp)
        case SamplesLost(stamp, until, cause):
            _end_span(db, rows_open, stamp)
            rows.insert_gap(db, rows_open.boot, stamp.boot_s, cause, max(stamp.boot_s, until.boot_s))
            rows_open.gap_before_span = 0
            begin_span(db, rows_open, until)
        case ClipWritten():
            rows.insert_clip(db, rows_open.boot, rows_open.stream, message)
        case ClipFound():
            rows.insert_found_clip(db, message)
        case ClipDeleted(path):
            rows.delete_clip(db, path)
        case LoadLevelChanged(stamp, level):
            rows.insert_load_level(db, rows_open.boot, stamp.boot_s, level)
        case HealthReported(stamp, health):
            text = json.dumps(asdict(health), ensure_ascii=False)
            rows.set_health(db, rows_open.run, stamp.boot_s, text)
        case RunEnded(stamp):
            _end_gap(db, rows_open, stamp.boot_s)
            rows.end_run(db, rows_open.run, stamp.boot_s)
        case _:
            pass


def begin_stream(db: sqlite3.Connection, rows_open: OpenRows, started: StreamStarted) -> None:
    """Add a stream, to which the following messages belong."""
    rows_open.stream = rows.insert_stream(
        db,
        rows_open.run,
        started.source,
        started.sample_rate_hz,
        started.channels,
        started.stamp.boot_s,
    )
    rows_open.started = started


def begin_span(db: sqlite3.Connection, rows_open: OpenRows, begin: Stamp) -> None:
    """Add a span of audio, which the next audio extends."""
    rows_open.span = rows.insert_span(db, rows_open.stream, begin)
    rows_open.span_begin = rows_open.until = begin
    rows_open.span_continued = None


def _extend_span(db: sqlite3.Connection, rows_open: OpenRows, heard: AudioHeard) -> None:
    if not rows_open.span:
        return
    rows.extend_span(db, rows_open.span, rows_open.span_continued or heard.span, heard.stamp)
    rows_open.until = heard.stamp
    if rows_open.gap_before_span and rows_open.span_begin != heard.span:
        rows.end_gap(db, rows_open.gap_before_span, heard.span.boot_s)
    rows_open.span_begin = heard.span
    if heard.reading is not None and heard.reading.boot_s - rows_open.anchored_s >= ANCHOR_S:
        rows_open.anchored_s = heard.reading.boot_s
        rows.insert_anchor(db, rows_open.stream, heard.stamp.sample, heard.reading)


def _end_span(db: sqlite3.Connection, rows_open: OpenRows, end: Stamp) -> None:
    if rows_open.span and rows_open.span_begin is not None:
        begin = rows_open.span_continued or rows_open.span_begin
        rows.extend_span(db, rows_open.span, begin, end)
        rows_open.span, rows_open.heard_until_s = 0, end.boot_s
        rows_open.until = end


def _begin_gap(db: sqlite3.Connection, rows_open: OpenRows, boot_s: float, cause: GapCause) -> None:
    """Begin a gap; if one lasts, only a pause is another one, since it is not missed, and a restart does not end it."""
    began_s = boot_s
    if not rows_open.gap:
        began_s = boot_s if rows_open.heard_until_s is None else rows_open.heard_until_s
    elif (cause == PAUSED) == (rows_open.gap_cause == PAUSED) or cause == "restart":
        return
    _end_gap(db, rows_open, began_s)
    rows_open.gap = rows.insert_gap(db, rows_open.boot, began_s, cause)
    rows_open.gap_began_s, rows_open.gap_cause = began_s, cause


def _end_gap(db: sqlite3.Connection, rows_open: OpenRows, boot_s: float) -> None:
    rows_open.gap_before_span = rows_open.gap or rows_open.gap_before_run
    if rows_open.gap_before_span:
        rows.end_gap(db, rows_open.gap_before_span, boot_s)
    rows_open.gap = rows_open.gap_before_run = 0


def _utc_of(rows_open: OpenRows, stamp: Stamp) -> float:
    """Return the UTC of a stamp as it is known now."""
    utc_s = rows_open.utc.utc_s(stamp.boot_s)
    return stamp.boot_s if utc_s is None else utc_s
