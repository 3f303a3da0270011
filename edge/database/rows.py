"""All statements that write rows of the recorder's database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

from birdedge.edge.database import clip_queries, run_queries
from birdedge.edge.messages import ClipFound, ClipWritten, EventDetected, RegionRejected
from birdedge.edge.pipeline.utc_line import UtcLine
from birdedge.edge.system.printable import valid_unicode
from birdedge.edge.times import ClockReading, Stamp

SAME_STREAM_S = 1.0  # maximum difference between the time of a clip and that of its stream
# The number of newest rows that are kept; other tables keep all rows.
KEPT_ROWS = {"anchors": 50_000, "load_levels": 50_000, "rejected_rows": 20_000}
PRUNED_ROWS = 500  # at most, per table and call
EVENT_COLUMNS = (  # attributes of `Event`
    *("low_hz", "high_hz", "peak_hz", "score", "area_hz_s", "snr_db"),
    *("sound_class", "class_score", "busy_10_s", "busy_30_s", "busy_60_s", "alike"),
)
REGION_COLUMNS = (
    *("stream", "onset_sample", "offset_sample", "onset_s", "onset_error_s", "first_utc_s"),
    *EVENT_COLUMNS,
)


def insert_boot(db: sqlite3.Connection, boot_id: str, utc: UtcLine) -> int:
    """Add a boot unless it exists, store what is known about its UTC, and return its number."""
    db.execute(
        "INSERT OR IGNORE INTO boots (boot_id, clock, first_offset_s) VALUES (?, ?, ?)",
        (boot_id, utc.state, utc.guess_s),
    )
    boot = run_queries.boot(db, boot_id)
    set_utc(db, boot, utc)
    return boot


def set_utc(db: sqlite3.Connection, boot: int, utc: UtcLine) -> None:
    """Store what is known about the UTC of a boot: a few lines, however much was recorded."""
    db.execute("UPDATE boots SET clock = ? WHERE id = ?", (utc.state, boot))
    lines = utc.lines
    db.execute("DELETE FROM clock_lines WHERE boot = ? AND from_s >= ?", (boot, lines[0].from_s))
    db.executemany(
        "INSERT INTO clock_lines VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [(boot, *astuple(line)) for line in lines]
    )


def insert_run(db: sqlite3.Connection, boot: int, boot_s: float, version: str, model: str, site: str) -> int:
    """Add a run."""
    return _insert(
        db,
        "INSERT INTO runs (boot, began_s, version, model, site) VALUES (?, ?, ?, ?, ?)",
        (boot, boot_s, version, valid_unicode(model), valid_unicode(site)),
    )


def end_run(db: sqlite3.Connection, run: int, boot_s: float) -> None:
    """Mark the run as cleanly stopped."""
    db.execute("UPDATE runs SET ended_s = ? WHERE id = ?", (boot_s, run))


def insert_stream(
    db: sqlite3.Connection, run: int, device: str, sample_rate_hz: int, channels: int, boot_s: float
) -> int:
    """Add a stream."""
    return _insert(
        db,
        "INSERT INTO streams (run, device, sample_rate_hz, channels, began_s) VALUES (?, ?, ?, ?, ?)",
        (run, valid_unicode(device), sample_rate_hz, channels, boot_s),
    )


def insert_anchor(db: sqlite3.Connection, stream: int, sample: int, reading: ClockReading) -> None:
    """Add the clock reading at the arrival of a sample."""
    db.execute(
        "INSERT INTO anchors VALUES (?, ?, ?, ?, ?)",
        (stream, sample, reading.boot_s, reading.utc_s, bool(reading.synchronized)),
    )


def insert_span(db: sqlite3.Connection, stream: int, begin: Stamp) -> int:
    """Add a span of audio that begins at a stamp."""
    return _insert(
        db,
        "INSERT INTO heard (stream, began_s, ended_s, first_sample, samples) VALUES (?, ?, ?, ?, 0)",
        (stream, begin.boot_s, begin.boot_s, begin.sample),
    )


def extend_span(db: sqlite3.Connection, span: int, begin: Stamp, end: Stamp) -> None:
    """Set the start and end of a span."""
    db.execute(
        "UPDATE heard SET began_s = ?, ended_s = ?, samples = ? WHERE id = ?",
        (begin.boot_s, end.boot_s, end.sample - begin.sample, span),
    )


def insert_gap(
    db: sqlite3.Connection,
    boot: int,
    boot_s: float,
    cause: str,
    ended_s: float | None = None,
    end_boot: int | None = None,
) -> int:
    """Add a gap, which may end in another boot; without an end, it is still open."""
    return _insert(
        db,
        "INSERT INTO gap_rows (boot, began_s, cause, end_boot, ended_s) VALUES (?, ?, ?, ?, ?)",
        (boot, boot_s, cause, end_boot or boot, ended_s),
    )


def end_gap(db: sqlite3.Connection, gap: int, boot_s: float) -> None:
    """Set the end of a gap; it is never before its start."""
    db.execute(
        "UPDATE gap_rows SET ended_s = CASE end_boot WHEN boot THEN max(began_s, ?1) ELSE ?1 END WHERE id = ?2",
        (boot_s, gap),
    )


def insert_event(db: sqlite3.Connection, stream: int, message: EventDetected, utc_s: float) -> None:
    """Add an event; `utc_s` is the UTC of its onset as it is known now."""
    values = _region_values(stream, message, utc_s)
    db.execute(f"INSERT INTO event_rows ({', '.join(REGION_COLUMNS)}) VALUES ({_marks(values)})", values)


def insert_rejected(
    db: sqlite3.Connection,
    stream: int,
    message: RegionRejected,
    utc_s: float,
    left_out: int,
) -> None:
    """Add a rejected region."""
    region = _region_values(stream, message, utc_s)
    values = (*region, message.event.reason, left_out)
    columns = ", ".join((*REGION_COLUMNS, "reason", "left_out"))
    db.execute(f"INSERT INTO rejected_rows ({columns}) VALUES ({_marks(values)})", values)


def prune(db: sqlite3.Connection, table: str) -> int:
    """Delete up to `PRUNED_ROWS` of the oldest rows of a table in `KEPT_ROWS`; return their number."""
    cursor = db.execute(
        f"""DELETE FROM {table} WHERE rowid IN (
            SELECT rowid FROM {table} WHERE rowid <= (SELECT max(rowid) FROM {table}) - ? ORDER BY rowid LIMIT ?)""",
        (KEPT_ROWS[table], PRUNED_ROWS),  # rowids have no gaps
    )
    return cursor.rowcount


def insert_clip(db: sqlite3.Connection, boot: int, stream: int, clip: ClipWritten) -> None:
    """Add a clip; it replaces an earlier clip with the same path."""
    delete_clip(db, clip.path)
    db.execute(
        """INSERT INTO clips (path, boot, stream, began_s, first_sample, samples, bytes, score)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            clip.path,
            boot,
            stream,
            clip.stamp.boot_s,
            clip.stamp.sample,
            clip.samples,
            clip.size_bytes,
            clip.score,
        ),
    )
    _add_clip_bytes(db, clip.size_bytes)


def insert_found_clip(db: sqlite3.Connection, clip: ClipFound) -> None:
    """Add a clip unless it has a row; the time and sample rate in its file identify its stream."""
    utc_s = clip.utc.timestamp()
    place = clip_queries.clip_place(db, utc_s, clip.sample_rate_hz, clip.first_sample, SAME_STREAM_S)
    if place is None:
        began_s = utc_s - clip.first_sample / clip.sample_rate_hz
        place = clip_queries.ClipPlace(_unknown_stream(db, clip.sample_rate_hz, began_s), 0, utc_s)
    inserted = db.execute(
        """INSERT OR IGNORE INTO clips (path, boot, stream, began_s, first_sample, samples, bytes, score)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            clip.path,
            place.boot,
            place.stream,
            place.began_s,
            clip.first_sample,
            clip.samples,
            clip.size_bytes,
            clip.score,
        ),
    )
    if inserted.rowcount:
        _add_clip_bytes(db, clip.size_bytes)


def delete_clip(db: sqlite3.Connection, path: str) -> None:
    """Delete the row of a clip, if there is one."""
    for (size_bytes,) in db.execute("DELETE FROM clips WHERE path = ? RETURNING bytes", (path,)).fetchall():
        _add_clip_bytes(db, -size_bytes)


def _add_clip_bytes(db: sqlite3.Connection, size_bytes: int) -> None:
    db.execute(
        "INSERT INTO clip_totals VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET bytes = bytes + excluded.bytes",
        (size_bytes,),
    )


def insert_load_level(db: sqlite3.Connection, boot: int, boot_s: float, level: str) -> None:
    """Add a change of the load level."""
    db.execute("INSERT INTO load_levels VALUES (?, ?, ?)", (boot, boot_s, level))


def set_health(db: sqlite3.Connection, run: int, boot_s: float, json: str) -> None:
    """Replace the latest report."""
    db.execute("INSERT OR REPLACE INTO health VALUES (1, ?, ?, ?)", (run, boot_s, valid_unicode(json)))


def _region_values(stream: int, message: EventDetected | RegionRejected, utc_s: float) -> tuple[object, ...]:
    """Return the values of `REGION_COLUMNS`."""
    onset, offset = message.onset, message.offset
    event = (getattr(message.event, name) for name in EVENT_COLUMNS)
    return (stream, onset.sample, offset.sample, onset.boot_s, onset.uncertainty_s, utc_s, *event)


def copy(
    db: sqlite3.Connection, table: str, copied: Iterable[dict[str, Any]], **changes: int
) -> dict[int, int]:
    """Insert rows of another database, with changed values; return the new numbers by the old ones.

    In a table without numbers, a row that already exists is kept.
    """
    numbers = {}
    for row in copied:
        number = row.pop("id", None)
        values = row | changes
        statement = f"INSERT OR IGNORE INTO {table} ({', '.join(values)}) VALUES ({_marks(tuple(values))})"
        inserted = _insert(db, statement, tuple(values.values()))
        if number is not None:
            numbers[number] = inserted
    return numbers


def _marks(values: tuple[object, ...]) -> str:
    return ", ".join("?" * len(values))


def _unknown_stream(db: sqlite3.Connection, sample_rate_hz: int, utc_s: float) -> int:
    """Add a stream to run 0 and boot 0, which stand for a lost earlier database; their boot clock is UTC.

    Whether that clock was synchronized is unknown.
    """
    db.execute("INSERT OR IGNORE INTO boots VALUES (0, 'unknown', 'unknown', 0)")
    db.execute("INSERT OR IGNORE INTO clock_lines VALUES (0, 0, NULL, 0, 0, NULL, NULL, 0)")
    db.execute("INSERT OR IGNORE INTO runs VALUES (0, 0, 0, 0, '', '', '')")
    stream = insert_stream(db, 0, "unknown", sample_rate_hz, 0, utc_s)
    insert_span(db, stream, Stamp(0, 0.0, utc_s, utc_s, 0.0, True))
    return stream


def _insert(db: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    return int(db.execute(statement, values).lastrowid or 0)
