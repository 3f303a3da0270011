"""Every SELECT on the recorder's database, as functions with typed rows. Needs no numpy."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

from birdedge.edge.pipeline.utc_line import ClockLine, UtcLine
from birdedge.edge.times import ClockState

LINE_COLUMNS = tuple(field.name for field in fields(ClockLine))
# The boot clock of each boot at the UTC ?1, below 0 if that was before the boot. Computed once, not for every row.
_BOOTS_AT = """WITH boots_at AS MATERIALIZED (
    SELECT boots.id AS boot, clock, coalesce((
        SELECT from_s + (?1 - from_s - offset_s) / (1 + slope) FROM clock_lines
        WHERE clock_lines.boot = boots.id AND from_s + offset_s <= ?1 ORDER BY from_s DESC LIMIT 1
    ), -1.0) AS boot_s FROM boots ORDER BY boots.id
)"""
# Of an EventRow, in its order.
_EVENT_COLUMNS = """{0}.id, utc_s, uncertainty_s, corrected, onset_s, onset_sample, offset_sample,
    (offset_sample - onset_sample) * 1.0 / sample_rate_hz, low_hz, high_hz, peak_hz, score, area_hz_s, snr_db,
    sound_class, class_score, busy_10_s, busy_30_s, busy_60_s, alike"""
_CLIP_COLUMNS = "path, bytes"
_UNLOCKED = "path NOT IN (SELECT value FROM json_each({}))"
_NEWEST_CLIP = "SELECT boot, began_s FROM clips ORDER BY boot DESC, began_s DESC LIMIT 1"


@dataclass(frozen=True)
class RunRow:
    """The latest run, with its boot."""

    run: int
    boot: int
    boot_id: str
    began_s: float
    ended_s: float | None
    version: str  # of birdedge
    model: str
    site: str
    clock: ClockState  # who says what UTC is
    utc: ClockLine  # of the present, or of the last moments of that boot


class SpanRow(NamedTuple):
    """A span of audio without a gap."""

    utc_s: float
    length_s: float


class GapRow(NamedTuple):
    """A gap; `length_s` is None while it lasts, and where no clock knows."""

    utc_s: float
    length_s: float | None
    cause: str
    lasts: bool


class GapTotal(NamedTuple):
    """All gaps of one cause that are over; those of unknown length count as 0 seconds."""

    cause: str
    gaps: int
    length_s: float


class AnchorRow(NamedTuple):
    """What the boot clock showed when this much of a stream had arrived, by the nominal rate."""

    audio_s: float
    boot_s: float


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
    """An event for those who have read all earlier ones."""

    boot_id: str  # of its boot clock
    event: EventRow


class NewGap(NamedTuple):
    """A gap for those who have read all earlier ones."""

    id: int  # in the order in which the gaps began
    boot_id: str
    began_s: float  # boot clock
    gap: GapRow


class RejectedRow(NamedTuple):
    """A rejected region."""

    region: EventRow
    reason: str
    left_out: int  # how many regions since the row before were not stored


class ClipRow(NamedTuple):
    """A clip on disk."""

    path: str
    size_bytes: int


class ClipPlace(NamedTuple):
    """Where a clip belongs: its stream, boot, and the boot clock at its first sample."""

    stream: int
    boot: int
    began_s: float


def latest_run(db: sqlite3.Connection) -> RunRow | None:
    """Return the run that began last; None before there was any."""
    row = db.execute(
        """SELECT runs.id, boots.id, boots.boot_id, runs.began_s, runs.ended_s, runs.version, runs.model, runs.site,
        boots.clock
        FROM runs JOIN boots ON boots.id = runs.boot ORDER BY runs.id DESC LIMIT 1"""
    ).fetchone()
    return None if row is None else RunRow(*(*row, _latest_line(db, row[1])))


def boot(db: sqlite3.Connection, boot_id: str) -> int:
    """Return the number of a boot that is in the database."""
    return int(_scalar(db, "SELECT id FROM boots WHERE boot_id = ?", boot_id))


def utc_of_boot(db: sqlite3.Connection, boot_id: str) -> UtcLine | None:
    """Return what is known of the UTC of a boot; None if it is not in the database."""
    row = db.execute("SELECT id, clock FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return None if row is None else UtcLine.of_boot(row[1], _latest_line(db, row[0]))


def _latest_line(db: sqlite3.Connection, boot: int) -> ClockLine:
    row = db.execute(
        f"SELECT {', '.join(LINE_COLUMNS)} FROM clock_lines WHERE boot = ? ORDER BY from_s DESC LIMIT 1",
        (boot,),
    ).fetchone()
    return ClockLine(*row)


def is_latest_run(db: sqlite3.Connection, boot_id: str, run: int, began_s: float) -> bool:
    """Return whether the latest run is this one."""
    latest = latest_run(db)
    return latest is not None and (latest.boot_id, latest.run, latest.began_s) == (boot_id, run, began_s)


def span_end_s(db: sqlite3.Connection, span: int) -> float | None:
    """Return where a span of audio ends; None if there is none with this number."""
    ended_s: float | None = _scalar(db, "SELECT ended_s FROM heard WHERE id = ?", span)
    return ended_s


def has_run(db: sqlite3.Connection, boot_id: str, began_s: float) -> bool:
    """Return whether there is a run that began then."""
    query = "SELECT 1 FROM runs JOIN boots ON boots.id = runs.boot WHERE boot_id = ? AND began_s = ?"
    return _scalar(db, query, boot_id, began_s) is not None


def rows_of(db: sqlite3.Connection, table: str, **where: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table in which a column has a value, in their order, by the names of the columns."""
    ((column, value),) = where.items()
    found = db.execute(f"SELECT * FROM {table} WHERE {column} = ? ORDER BY 1", (value,))
    names = [description[0] for description in found.description]
    return (dict(zip(names, row, strict=True)) for row in found)


def has_ended(db: sqlite3.Connection, boot_id: str, began_s: float) -> bool:
    """Return whether a run that began then was stopped cleanly."""
    query = """SELECT 1 FROM runs JOIN boots ON boots.id = runs.boot
        WHERE boot_id = ? AND began_s = ? AND ended_s IS NOT NULL"""
    return _scalar(db, query, boot_id, began_s) is not None


def last_heard_s(db: sqlite3.Connection, run: int) -> float | None:
    """Return the boot clock at the last audio of a run; None if there was none."""
    query = "SELECT max(ended_s) FROM heard JOIN boot_of_stream USING (stream) WHERE run = ?"
    heard_s: float | None = _scalar(db, query, run)
    return heard_s


def open_gap_cause(db: sqlite3.Connection) -> str | None:
    """Return why nothing is heard at present; None if no gap lasts."""
    cause: str | None = _scalar(
        db, "SELECT cause FROM gap_rows WHERE ended_s IS NULL ORDER BY id DESC LIMIT 1"
    )
    return cause


def open_gaps(db: sqlite3.Connection, boot: int) -> list[tuple[int, float]]:
    """Return number and start (boot clock) of the gaps of a boot that have no end."""
    return db.execute(
        "SELECT id, began_s FROM gap_rows WHERE ended_s IS NULL AND boot = ? ORDER BY id", (boot,)
    ).fetchall()


def spans(db: sqlite3.Connection) -> list[SpanRow]:
    """Return all spans of audio, oldest first."""
    rows = db.execute(
        f"""SELECT {_utc("began_s")}, max(0.0, {_utc("ended_s", "ended")} - {_utc("began_s")})
        FROM heard JOIN boot_of_stream USING (stream)
        {_line_at("boot_of_stream.boot", "began_s")} {_line_at("boot_of_stream.boot", "ended_s", "ended")} ORDER BY 1"""
    )
    return [SpanRow(*row) for row in rows]


def gaps(db: sqlite3.Connection) -> list[GapRow]:
    """Return all gaps, oldest first."""
    rows = db.execute("SELECT utc_s, length_s, cause, lasts FROM gaps ORDER BY 1")
    return [GapRow(utc_s, length_s, cause, bool(lasts)) for utc_s, length_s, cause, lasts in rows]


def gap_totals(db: sqlite3.Connection) -> list[GapTotal]:
    """Return the number and the length of the gaps that are over, by cause."""
    rows = db.execute("SELECT cause, count(*), total(length_s) FROM gaps WHERE NOT lasts GROUP BY cause")
    return [GapTotal(*row) for row in rows]


def heard_s(db: sqlite3.Connection) -> float:
    """Return the seconds of audio that were heard, counted in samples: no clock that is set later changes them."""
    query = (
        "SELECT total(samples * 1.0 / sample_rate_hz) FROM heard JOIN streams ON streams.id = heard.stream"
    )
    return float(_scalar(db, query))


def anchors(db: sqlite3.Connection) -> list[AnchorRow]:
    """Return all anchors, oldest first."""
    rows = db.execute(
        """SELECT sample * 1.0 / sample_rate_hz, boot_s FROM anchors JOIN streams ON streams.id = anchors.stream
        ORDER BY anchors.rowid"""
    )
    return [AnchorRow(*row) for row in rows]


def count_events(db: sqlite3.Connection, since_utc_s: float = 0.0) -> int:
    """Return the number of events since a time."""
    if since_utc_s <= 0:  # all of them are counted four times as fast without their times
        return int(_scalar(db, "SELECT count(*) FROM event_rows"))
    query = f"""{_BOOTS_AT} SELECT count(*) FROM boots_at CROSS JOIN runs ON runs.boot = boots_at.boot
        CROSS JOIN streams ON streams.run = runs.id
        CROSS JOIN event_rows ON event_rows.stream = streams.id AND onset_s >= boots_at.boot_s"""
    return int(_scalar(db, query, since_utc_s))


def events(db: sqlite3.Connection) -> Iterator[EventRow]:
    """Yield all events as they were heard."""
    return map(_event_row, _regions(db, "events"))


def new_events(db: sqlite3.Connection, after: int, count: int) -> list[NewEvent]:
    """Return the first events after one, by their ids; 0 for all."""
    return [_new_event(row) for row in _closed_events(db, "ASC", after, count)]


def latest_events(db: sqlite3.Connection, after: int, count: int) -> list[NewEvent]:
    """Return the last events after one, by their ids."""
    return [_new_event(row) for row in _closed_events(db, "DESC", after, count)][::-1]


def last_event_before(db: sqlite3.Connection, boot_id: str, onset_s: float) -> int:
    """Return the id of the last event that closed before the first with a later onset in a boot; 0 if there is none."""
    query = """SELECT coalesce(max(event_rows.id), 0) FROM event_rows JOIN boot_of_stream USING (stream)
        JOIN boots ON boots.id = boot WHERE NOT (boot_id = ? AND onset_s >= ?)"""
    return int(_scalar(db, query, boot_id, onset_s))


def new_gaps(db: sqlite3.Connection, after: int, count: int) -> list[NewGap]:
    """Return the first gaps after one, by their ids; 0 for all."""
    rows = db.execute(
        """SELECT gaps.id, boots.boot_id, began_s, utc_s, length_s, cause, lasts FROM gaps
        JOIN boots ON boots.id = gaps.boot WHERE gaps.id > ? ORDER BY gaps.id LIMIT ?""",
        (after, count),
    )
    return [
        NewGap(row_id, boot_id, began_s, GapRow(utc_s, length_s, cause, bool(lasts)))
        for row_id, boot_id, began_s, utc_s, length_s, cause, lasts in rows
    ]


def last_ended_gap(db: sqlite3.Connection) -> int:
    """Return the id of the last gap that is over; 0 if there is none."""
    return int(_scalar(db, "SELECT coalesce(max(id), 0) FROM gap_rows WHERE ended_s IS NOT NULL"))


def first_run(db: sqlite3.Connection) -> tuple[str, float, str] | None:
    """Return boot id, start (boot clock) and site of the first run; None before there was any."""
    row: tuple[str, float, str] | None = db.execute(
        """SELECT boot_id, began_s, site FROM runs JOIN boots ON boots.id = runs.boot ORDER BY runs.id LIMIT 1"""
    ).fetchone()
    return row


def first_event_utc_s(db: sqlite3.Connection, since_utc_s: float) -> float | None:
    """Return the onset of the first event since a time; None if there is none."""
    query = f"""{_BOOTS_AT} SELECT min(utc_s) FROM (
            SELECT (
                SELECT id FROM event_rows WHERE stream = streams.id AND onset_s >= boots_at.boot_s
                ORDER BY onset_s LIMIT 1
            ) AS first_id FROM boots_at CROSS JOIN runs ON runs.boot = boots_at.boot
            CROSS JOIN streams ON streams.run = runs.id
        ) JOIN events ON events.id = first_id WHERE utc_s >= ?1"""
    utc_s: float | None = _scalar(db, query, since_utc_s)
    return utc_s


def latest_event_utc_s(db: sqlite3.Connection) -> float | None:
    """Return the onset of the event that closed last; None if there is none."""
    utc_s: float | None = _scalar(db, "SELECT utc_s FROM events WHERE id = (SELECT max(id) FROM event_rows)")
    return utc_s


def rejected(db: sqlite3.Connection) -> Iterator[RejectedRow]:
    """Yield the rejected regions that are stored, as they were heard."""
    rows = _regions(db, "rejected", ", reason, left_out")
    return (RejectedRow(_event_row(row), row[-2], row[-1]) for row in rows)


def latest_health(db: sqlite3.Connection) -> dict[str, Any]:
    """Return the latest report of the latest run as it was stored; empty before there was any."""
    text = _scalar(db, "SELECT json FROM health WHERE run = (SELECT max(id) FROM runs)")
    return {} if text is None else dict(json.loads(text))


def load_levels(db: sqlite3.Connection) -> list[tuple[float, str]]:
    """Return each change of the load level: boot clock and name."""
    return db.execute("SELECT boot_s, level FROM load_levels ORDER BY rowid").fetchall()


def has_clip(db: sqlite3.Connection, path: str) -> bool:
    """Return whether a clip has a row."""
    return _scalar(db, "SELECT 1 FROM clips WHERE path = ?", path) is not None


def count_clips(db: sqlite3.Connection) -> int:
    """Return the number of clips on disk."""
    return int(_scalar(db, "SELECT count(*) FROM clips"))


def clip_bytes(db: sqlite3.Connection) -> int:
    """Return the bytes of all clips together."""
    return int(_scalar(db, "SELECT bytes FROM clip_totals") or 0)


def newest_clip_utc_s(db: sqlite3.Connection) -> float | None:
    """Return when the newest clip began; None if there is none, or its time is not known."""
    utc_s: float | None = _scalar(
        db,
        f"""SELECT CASE clock WHEN 'synchronized' THEN {_utc("began_s")} END
        FROM ({_NEWEST_CLIP}) AS clip JOIN boots ON boots.id = clip.boot {_line_at("clip.boot", "began_s")}""",
    )
    return utc_s


def clips_at(db: sqlite3.Connection, paths: Sequence[str], count: int) -> list[ClipRow]:
    """Return the clips that have one of these paths, `count` at most."""
    rows = db.execute(
        f"SELECT {_CLIP_COLUMNS} FROM clips WHERE path IN (SELECT value FROM json_each(?)) LIMIT ?",
        (json.dumps(list(paths)), count),
    )
    return [ClipRow(*row) for row in rows]


def outdated_clips(
    db: sqlite3.Connection, before_utc_s: float, count: int, locked: Sequence[str] = ()
) -> list[ClipRow]:
    """Return the oldest clips among those that are known to be from before a time, without those that are locked."""
    found: list[ClipRow] = []
    boots = db.execute(
        f"{_BOOTS_AT} SELECT boot, boot_s FROM boots_at WHERE clock = 'synchronized'", (before_utc_s,)
    )
    for boot, boot_s in boots.fetchall():
        rows = db.execute(
            f"""SELECT {_CLIP_COLUMNS} FROM clips WHERE boot = ?1 AND began_s < ?2 AND {_UNLOCKED.format("?4")}
            ORDER BY began_s LIMIT ?3""",
            (boot, boot_s, count - len(found), json.dumps(list(locked))),
        )
        found += [ClipRow(*row) for row in rows]
    return found


def first_clips(
    db: sqlite3.Connection,
    order: Literal["oldest", "lowest_score"],
    newest_s: float,
    count: int,
    locked: Sequence[str] = (),
) -> list[ClipRow]:
    """Return the first clips of an order that are not locked and did not begin within `newest_s` of the newest clip.

    No wall clock is asked: boots are in the order of time, and so is the boot clock within each.
    """
    by = "boot, began_s" if order == "oldest" else "score, boot, began_s"
    rows = db.execute(
        f"""SELECT {_CLIP_COLUMNS} FROM clips WHERE (boot, began_s) < (
            SELECT boot, began_s - ?1 FROM ({_NEWEST_CLIP})
        ) AND {_UNLOCKED.format("?3")} ORDER BY {by} LIMIT ?2""",
        (newest_s, count, json.dumps(list(locked))),
    )
    return [ClipRow(*row) for row in rows]


def clip_place(
    db: sqlite3.Connection, utc_s: float, sample_rate_hz: int, first_sample: int, tolerance_s: float
) -> ClipPlace | None:
    """Return the stream in which a sample was heard at that UTC, by the clock as it is known or as it was at first.

    The boot clock at the sample is read off the span of audio at or before it.
    """
    row = db.execute(
        f"""WITH places AS (
            SELECT boot_of_stream.stream, boot_of_stream.boot, boots.first_offset_s,
                heard.began_s + (?3 - first_sample) * CASE samples WHEN 0 THEN 1.0 / ?2
                ELSE (heard.ended_s - heard.began_s) / samples END AS boot_s
            FROM heard JOIN boot_of_stream USING (stream) JOIN boots ON boots.id = boot_of_stream.boot
            WHERE sample_rate_hz = ?2 AND first_sample = (
                SELECT max(first_sample) FROM heard AS earlier
                WHERE earlier.stream = heard.stream AND earlier.first_sample <= ?3
            )
        )
        SELECT stream, places.boot, boot_s, min(abs({_utc("boot_s")} - ?1), abs(boot_s + first_offset_s - ?1)) AS off_s
        FROM places {_line_at("places.boot", "boot_s")} WHERE off_s < ?4 ORDER BY off_s LIMIT 1""",
        (utc_s, sample_rate_hz, first_sample, tolerance_s),
    ).fetchone()
    return None if row is None else ClipPlace(*row[:3])


def _line_at(boot: str, boot_s: str, name: str = "line") -> str:
    """Return the join with the clock line of a moment."""
    return f"""JOIN clock_lines AS {name} ON {name}.boot = {boot} AND {name}.from_s = (
        SELECT max(from_s) FROM clock_lines WHERE boot = {boot} AND from_s <= {boot_s})"""


def _utc(boot_s: str, line: str = "line") -> str:
    """Return the UTC of a moment, by its clock line."""
    return f"({boot_s} + {line}.offset_s + {line}.slope * ({boot_s} - {line}.from_s))"


def _closed_events(db: sqlite3.Connection, order: Literal["ASC", "DESC"], after: int, count: int) -> Any:
    return db.execute(
        f"""SELECT {_EVENT_COLUMNS.format("events")}, boot_id FROM events JOIN streams ON streams.id = events.stream
        JOIN runs ON runs.id = run JOIN boots ON boots.id = boot
        WHERE events.id > ? ORDER BY events.id {order} LIMIT ?""",
        (after, count),
    )


def _new_event(row: tuple[Any, ...]) -> NewEvent:
    return NewEvent(row[-1], _event_row(row))


def _regions(db: sqlite3.Connection, table: str, more_columns: str = "") -> Iterator[Any]:
    return db.execute(
        f"""SELECT {_EVENT_COLUMNS.format(table)}{more_columns}
        FROM {table} JOIN streams ON streams.id = {table}.stream ORDER BY {table}.stream, onset_s, {table}.id"""
    )


def _event_row(row: tuple[Any, ...]) -> EventRow:
    return EventRow._make((*row[:3], bool(row[3]), *row[4 : len(EventRow._fields)]))


def _scalar(db: sqlite3.Connection, query: str, *values: object) -> Any:
    row = db.execute(query, values).fetchone()
    return None if row is None else row[0]
