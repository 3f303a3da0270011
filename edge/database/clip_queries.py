"""Clips on disk: their totals, the clips that retention deletes, and the stream of a found clip. Needs no numpy."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Literal, NamedTuple

from birdedge.edge.database.clock_lines import BOOTS_AT, line_at, utc_at
from birdedge.edge.database.scalar import scalar

_CLIP_COLUMNS = "path, bytes"
_UNLOCKED = "path NOT IN (SELECT value FROM json_each({}))"
_NEWEST_CLIP = "SELECT boot, began_s FROM clips ORDER BY boot DESC, began_s DESC LIMIT 1"


class ClipRow(NamedTuple):
    """A clip on disk."""

    path: str
    size_bytes: int


class ClipPlace(NamedTuple):
    """Where a clip belongs: its stream, boot, and the boot clock at its first sample."""

    stream: int
    boot: int
    began_s: float


def has_clip(db: sqlite3.Connection, path: str) -> bool:
    """Return whether a clip has a row."""
    return scalar(db, "SELECT 1 FROM clips WHERE path = ?", path) is not None


def count_clips(db: sqlite3.Connection) -> int:
    """Return the number of clips on disk."""
    return int(scalar(db, "SELECT count(*) FROM clips"))


def clip_bytes(db: sqlite3.Connection) -> int:
    """Return the total size of all clips in bytes."""
    return int(scalar(db, "SELECT bytes FROM clip_totals") or 0)


def newest_clip_utc_s(db: sqlite3.Connection) -> float | None:
    """Return when the newest clip began; None if there is none or its time is unknown."""
    utc_s: float | None = scalar(
        db,
        f"""SELECT CASE clock WHEN 'synchronized' THEN {utc_at("began_s")} END
        FROM ({_NEWEST_CLIP}) AS clip JOIN boots ON boots.id = clip.boot {line_at("clip.boot", "began_s")}""",
    )
    return utc_s


def clips_at(db: sqlite3.Connection, paths: Sequence[str], count: int) -> list[ClipRow]:
    """Return at most `count` of the clips that have one of these paths."""
    rows = db.execute(
        f"SELECT {_CLIP_COLUMNS} FROM clips WHERE path IN (SELECT value FROM json_each(?)) LIMIT ?",
        (json.dumps(list(paths)), count),
    )
    return [ClipRow(*row) for row in rows]


def outdated_clips(
    db: sqlite3.Connection, before_utc_s: float, count: int, locked: Sequence[str] = ()
) -> list[ClipRow]:
    """Return the oldest unlocked clips that are known to be from before a time."""
    found: list[ClipRow] = []
    boots = db.execute(
        f"{BOOTS_AT} SELECT boot, boot_s FROM boots_at WHERE clock = 'synchronized'", (before_utc_s,)
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
    """Return the first unlocked clips in an order, except those that began within `newest_s` of the newest clip.

    This needs no wall clock: boots are in chronological order, and so is the boot clock within each boot.
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
    """Return the stream in which a sample was heard at a UTC, by the clock as it is known now or was at first.

    The boot clock at the sample is derived from the span of audio at or before it.
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
        SELECT stream, places.boot, boot_s,
            min(abs({utc_at("boot_s")} - ?1), abs(boot_s + first_offset_s - ?1)) AS off_s
        FROM places {line_at("places.boot", "boot_s")} WHERE off_s < ?4 ORDER BY off_s LIMIT 1""",
        (utc_s, sample_rate_hz, first_sample, tolerance_s),
    ).fetchone()
    return None if row is None else ClipPlace(*row[:3])
