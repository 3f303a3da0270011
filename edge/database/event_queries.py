"""Stored events and rejected regions; event_pages.py returns them in pages. Needs no numpy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from birdedge.edge.database.clock_lines import BOOTS_AT
from birdedge.edge.database.scalar import scalar

# The columns of an EventRow, in its order; {0} is the table, joined with `streams`.
EVENT_ROW_COLUMNS = """{0}.id, utc_s, uncertainty_s, corrected, onset_s, onset_sample, offset_sample,
    (offset_sample - onset_sample) * 1.0 / streams.sample_rate_hz, low_hz, high_hz, peak_hz, {0}.score,
    area_hz_s, snr_db, sound_class, class_score, busy_10_s, busy_30_s, busy_60_s, alike"""


class EventRow(NamedTuple):
    """An event, or a rejected region."""

    id: int  # in the order in which the events closed
    utc_s: float  # of its onset
    uncertainty_s: float | None  # None while the clock was never synchronized
    corrected: bool  # whether utc_s was corrected after the event was written
    onset_s: float  # boot clock
    onset_sample: int
    offset_sample: int
    duration_s: float
    low_hz: float
    high_hz: float
    peak_hz: float
    score: float
    area_hz_s: float
    snr_db: float
    sound_class: str
    class_score: float
    busy_10_s: float
    busy_30_s: float
    busy_60_s: float
    alike: int


class NewEvent(NamedTuple):
    """An event for a reader that has all earlier ones."""

    boot_id: str  # the boot of `onset_s`
    event: EventRow


class RejectedRow(NamedTuple):
    """A rejected region."""

    region: EventRow
    reason: str
    left_out: int  # regions since the previous row that were not stored


def events(db: sqlite3.Connection) -> Iterator[EventRow]:
    """Yield all events in the order in which they were heard."""
    return map(event_row, _regions(db, "events"))


def rejected(db: sqlite3.Connection) -> Iterator[RejectedRow]:
    """Yield the stored rejected regions in the order in which they were heard."""
    rows = _regions(db, "rejected", ", reason, left_out")
    return (RejectedRow(event_row(row), row[-2], row[-1]) for row in rows)


def new_events(db: sqlite3.Connection, after: int, count: int) -> list[NewEvent]:
    """Return the first `count` events after an id, in the order of their ids; 0 starts at the first event."""
    return [_new_event(row) for row in _closed_events(db, "ASC", after, count)]


def latest_events(db: sqlite3.Connection, after: int, count: int) -> list[NewEvent]:
    """Return the last `count` events after an id, in the order of their ids."""
    return [_new_event(row) for row in _closed_events(db, "DESC", after, count)][::-1]


def count_events(db: sqlite3.Connection, since_utc_s: float = 0.0) -> int:
    """Return the number of events since a time."""
    if since_utc_s <= 0:  # counting all events is four times as fast without their times
        return int(scalar(db, "SELECT count(*) FROM event_rows"))
    query = f"""{BOOTS_AT} SELECT count(*) FROM boots_at CROSS JOIN runs ON runs.boot = boots_at.boot
        CROSS JOIN streams ON streams.run = runs.id
        CROSS JOIN event_rows ON event_rows.stream = streams.id AND onset_s >= boots_at.boot_s"""
    return int(scalar(db, query, since_utc_s))


def first_event_utc_s(db: sqlite3.Connection, since_utc_s: float) -> float | None:
    """Return the onset of the first event since a time; None if there is none."""
    query = f"""{BOOTS_AT} SELECT min(utc_s) FROM (
            SELECT (
                SELECT id FROM event_rows WHERE stream = streams.id AND onset_s >= boots_at.boot_s
                ORDER BY onset_s LIMIT 1
            ) AS first_id FROM boots_at CROSS JOIN runs ON runs.boot = boots_at.boot
            CROSS JOIN streams ON streams.run = runs.id
        ) JOIN events ON events.id = first_id WHERE utc_s >= ?1"""
    utc_s: float | None = scalar(db, query, since_utc_s)
    return utc_s


def latest_event_utc_s(db: sqlite3.Connection) -> float | None:
    """Return the onset of the event that closed last; None if there is none."""
    utc_s: float | None = scalar(db, "SELECT utc_s FROM events WHERE id = (SELECT max(id) FROM event_rows)")
    return utc_s


def last_event_before(db: sqlite3.Connection, boot_id: str, onset_s: float) -> int:
    """Return the highest id of an event with an earlier onset in a boot, or from another boot; 0 if there is none."""
    query = """SELECT coalesce(max(event_rows.id), 0) FROM event_rows JOIN boot_of_stream USING (stream)
        JOIN boots ON boots.id = boot WHERE NOT (boot_id = ? AND onset_s >= ?)"""
    return int(scalar(db, query, boot_id, onset_s))


def event_row(row: tuple[Any, ...]) -> EventRow:
    """Return the event of a row that starts with EVENT_ROW_COLUMNS."""
    return EventRow._make((*row[:3], bool(row[3]), *row[4 : len(EventRow._fields)]))


def _closed_events(db: sqlite3.Connection, order: Literal["ASC", "DESC"], after: int, count: int) -> Any:
    return db.execute(
        f"""SELECT {EVENT_ROW_COLUMNS.format("events")}, boot_id FROM events JOIN streams ON streams.id = events.stream
        JOIN runs ON runs.id = run JOIN boots ON boots.id = boot
        WHERE events.id > ? ORDER BY events.id {order} LIMIT ?""",
        (after, count),
    )


def _new_event(row: tuple[Any, ...]) -> NewEvent:
    return NewEvent(row[-1], event_row(row))


def _regions(db: sqlite3.Connection, table: str, more_columns: str = "") -> Iterator[Any]:
    return db.execute(
        f"""SELECT {EVENT_ROW_COLUMNS.format(table)}{more_columns}
        FROM {table} JOIN streams ON streams.id = {table}.stream ORDER BY {table}.stream, onset_s, {table}.id"""
    )
