"""Every statement that writes a row of the recorder's database."""

from __future__ import annotations

import sqlite3

from birdedge.edge.database import queries
from birdedge.edge.messages import ClipFound, ClipWritten, EventDetected, RegionRejected
from birdedge.edge.times import ClockReading, Stamp

SAME_STREAM_S = 1.0  # how far the time that a clip states may be off that of its stream
MAX_REJECTED_ROWS = 20_000
PRUNED_ROWS = 1000  # deleted at once, so that most insertions delete nothing
EVENT_COLUMNS = (  # attributes of `Event`
    *("low_hz", "high_hz", "peak_hz", "score", "area_hz_s", "snr_db"),
    *("sound_class", "class_score", "busy_10_s", "busy_30_s", "busy_60_s", "alike"),
)
REGION_COLUMNS = (
    *("stream", "onset_sample", "offset_sample", "onset_s", "utc_s", "uncertainty_s"),
    *EVENT_COLUMNS,
)


def insert_boot(
    db: sqlite3.Connection, boot_id: str, offset_s: float, synchronized: bool
) -> tuple[int, float, bool]:
    """Add a boot, unless it is known; return its number, its offset and whether that is confirmed."""
    db.execute(
        "INSERT OR IGNORE INTO boots (boot_id, offset_s, synchronized, first_offset_s) VALUES (?, ?, ?, ?)",
        (boot_id, offset_s, synchronized, offset_s),
    )
    return queries.boot(db, boot_id)


def set_offset(db: sqlite3.Connection, boot: int, offset_s: float, uncertainty_s: float) -> None:
    """Correct the UTC of everything in a boot."""
    db.execute("UPDATE boots SET offset_s = ?, synchronized = 1 WHERE id = ?", (offset_s, boot))
    for table in ("events", "rejected"):
        db.execute(
            f"""UPDATE {table} SET utc_s = onset_s + ?1, uncertainty_s = coalesce(uncertainty_s, ?3), corrected = 1
            WHERE stream IN (SELECT stream FROM boot_of_stream WHERE boot = ?2)""",
            (offset_s, boot, uncertainty_s),
        )


def insert_run(db: sqlite3.Connection, boot: int, boot_s: float, version: str, model: str, site: str) -> int:
    """Add a run."""
    return _insert(
        db,
        "INSERT INTO runs (boot, began_s, version, model, site) VALUES (?, ?, ?, ?, ?)",
        (boot, boot_s, version, model, site),
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
        (run, device, sample_rate_hz, channels, boot_s),
    )


def insert_anchor(db: sqlite3.Connection, stream: int, sample: int, reading: ClockReading) -> None:
    """Add what the clocks showed when a sample had arrived."""
    db.execute(
        "INSERT INTO anchors VALUES (?, ?, ?, ?, ?)",
        (stream, sample, reading.boot_s, reading.utc_s, bool(reading.synchronized)),
    )


def insert_span(db: sqlite3.Connection, stream: int, begin: Stamp) -> int:
    """Add a span of audio that begins here."""
    return _insert(
        db,
        "INSERT INTO heard (stream, began_s, ended_s, first_sample, samples) VALUES (?, ?, ?, ?, 0)",
        (stream, begin.boot_s, begin.boot_s, begin.sample),
    )


def extend_span(db: sqlite3.Connection, span: int, begin: Stamp, end: Stamp) -> None:
    """Set begin and end of a span."""
    db.execute(
        "UPDATE heard SET began_s = ?, ended_s = ?, samples = ? WHERE id = ?",
        (begin.boot_s, end.boot_s, end.sample - begin.sample, span),
    )


def insert_gap(
    db: sqlite3.Connection, boot: int, boot_s: float, cause: str, length_s: float | None = None
) -> int:
    """Add a gap; without a length it lasts."""
    return _insert(
        db,
        "INSERT INTO gaps (boot, began_s, length_s, cause) VALUES (?, ?, ?, ?)",
        (boot, boot_s, length_s, cause),
    )


def end_gap(db: sqlite3.Connection, gap: int, length_s: float) -> None:
    """Set the length of a gap; it is never negative."""
    db.execute("UPDATE gaps SET length_s = ? WHERE id = ?", (max(0.0, length_s), gap))


def insert_event(
    db: sqlite3.Connection, stream: int, message: EventDetected, utc_s: float, uncertainty_s: float | None
) -> None:
    """Add an event."""
    values = _region_values(stream, message, utc_s, uncertainty_s)
    db.execute(f"INSERT INTO events ({', '.join(REGION_COLUMNS)}) VALUES ({_marks(values)})", values)


def insert_rejected(
    db: sqlite3.Connection,
    stream: int,
    message: RegionRejected,
    utc_s: float,
    uncertainty_s: float | None,
    left_out: int,
) -> None:
    """Add a rejected region, and delete the oldest ones where there would be more than `MAX_REJECTED_ROWS`."""
    region = _region_values(stream, message, utc_s, uncertainty_s)
    values = (*region, message.event.reason, left_out)
    columns = ", ".join((*REGION_COLUMNS, "reason", "left_out"))
    number = _insert(db, f"INSERT INTO rejected ({columns}) VALUES ({_marks(values)})", values)
    if number % PRUNED_ROWS == 0:  # numbers have no gaps
        db.execute("DELETE FROM rejected WHERE id <= ?", (number - MAX_REJECTED_ROWS + PRUNED_ROWS,))


def insert_clip(db: sqlite3.Connection, boot: int, stream: int, clip: ClipWritten) -> None:
    """Add a clip, in place of an earlier one of its path."""
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
    """Add a clip unless it has its row; the time and rate that it states tell which stream it is of."""
    utc_s = clip.utc.timestamp()
    place = queries.clip_place(db, utc_s, clip.sample_rate_hz, clip.first_sample, SAME_STREAM_S)
    if place is None:
        began_s = utc_s - clip.first_sample / clip.sample_rate_hz
        place = queries.ClipPlace(_unknown_stream(db, clip.sample_rate_hz, began_s), 0, utc_s)
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
    db.execute("INSERT OR REPLACE INTO health VALUES (1, ?, ?, ?)", (run, boot_s, json))


def _region_values(
    stream: int, message: EventDetected | RegionRejected, utc_s: float, uncertainty_s: float | None
) -> tuple[object, ...]:
    """Return the values of `REGION_COLUMNS`."""
    onset, offset = message.onset, message.offset
    event = (getattr(message.event, name) for name in EVENT_COLUMNS)
    return (stream, onset.sample, offset.sample, onset.boot_s, utc_s, uncertainty_s, *event)


def _marks(values: tuple[object, ...]) -> str:
    return ", ".join("?" * len(values))


def _unknown_stream(db: sqlite3.Connection, sample_rate_hz: int, utc_s: float) -> int:
    """Add a stream of run 0 and boot 0, whose boot clock is UTC: they stand for an earlier, lost database.

    Nobody knows whether its clock was synchronized.
    """
    db.execute("INSERT OR IGNORE INTO boots VALUES (0, 'unknown', 0, 0, 0)")
    db.execute("INSERT OR IGNORE INTO runs VALUES (0, 0, 0, 0, '', '', '')")
    stream = insert_stream(db, 0, "unknown", sample_rate_hz, 0, utc_s)
    insert_span(db, stream, Stamp(0, 0.0, utc_s, utc_s, 0.0, True))
    return stream


def _insert(db: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> int:
    return int(db.execute(statement, values).lastrowid or 0)
