"""The history of a recorder over months: events per bin of UTC, growth on disk, runs. Needs no numpy."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import NamedTuple

from birdedge.edge.database.clock_lines import line_at, utc_at

# The streams of a boot follow each other; by its estimated sample rate, an event may begin shortly before its stream.
_EVENTS = """SELECT CAST((onset_s + offset_s + slope * (onset_s - from_s)) / ?3 AS INTEGER) AS bin, count(*)
FROM (
    SELECT streams.id AS stream, boot, streams.began_s - 60 AS began_s,
        coalesce(lead(streams.began_s) OVER (PARTITION BY boot ORDER BY streams.id) + 60, 1e300) AS ended_s
    FROM streams JOIN runs ON runs.id = run
) AS stream
CROSS JOIN clock_lines ON clock_lines.boot = stream.boot AND from_s < stream.ended_s AND from_s >= coalesce(
    (SELECT max(from_s) FROM clock_lines WHERE boot = stream.boot AND from_s <= stream.began_s), 0)
CROSS JOIN event_rows ON event_rows.stream = stream.stream
    AND onset_s >= max(from_s, from_s + (?1 - from_s - offset_s) / (1 + slope))
    AND onset_s < min(coalesce(until_s, 1e300), from_s + (?2 - from_s - offset_s) / (1 + slope))
GROUP BY bin ORDER BY bin"""
# The clock line and the UTC of a `row` with boot and began_s.
_LINE, _UTC = line_at("row.boot", "row.began_s"), utc_at("row.began_s")


def events_per_bin(
    db: sqlite3.Connection, since_utc_s: float, until_utc_s: float, bin_s: float
) -> list[tuple[int, int]]:
    """Return the number of events that began in each non-empty bin of UTC, by the clock as it is known now.

    Args:
        db: Database of a recorder.
        since_utc_s: Start of the first bin.
        until_utc_s: End of the last bin.
        bin_s: Length of a bin; bins are counted from 1970.
    """
    return db.execute(_EVENTS, (since_utc_s, until_utc_s, bin_s)).fetchall()


@dataclass(frozen=True)
class Growth:
    """What was written to a disk since a time."""

    clip_bytes: int  # of the clips that are still there
    first_clip_utc_s: float | None  # of the oldest clip that is still there
    first_heard_utc_s: float | None  # of the first audio; None if there was none


class PastRun(NamedTuple):
    """A start of the recorder."""

    utc_s: float
    ended: bool  # whether it was stopped cleanly
    version: str
    model: str
    clock: str


def growth(db: sqlite3.Connection, since_utc_s: float) -> Growth:
    """Return what was written since a time, by the clock as it is known now."""
    heard = (
        "SELECT boot, heard.began_s FROM heard JOIN boot_of_stream USING (stream) WHERE {} ORDER BY heard.id"
    )
    clips = "SELECT boot, began_s FROM clips WHERE {} ORDER BY boot, began_s"
    (clip_bytes,) = db.execute(
        f"SELECT coalesce(sum(bytes), 0) FROM clips AS row {_LINE} WHERE {_UTC} >= ?", (since_utc_s,)
    ).fetchone()
    return Growth(clip_bytes, _first_utc_s(db, clips), _first_utc_s(db, heard))


def _first_utc_s(db: sqlite3.Connection, rows: str) -> float | None:
    """Return when the first row began; boots whose clock was never synchronized count only if there is no other."""
    for condition in ("boot IN (SELECT id FROM boots WHERE clock != 'unknown')", "TRUE"):
        row = db.execute(f"SELECT {_UTC} FROM ({rows.format(condition)} LIMIT 1) AS row {_LINE}").fetchone()
        if row is not None:
            return float(row[0])
    return None


def latest_runs(db: sqlite3.Connection, count: int) -> list[PastRun]:
    """Return the latest starts of the recorder, newest first."""
    rows = db.execute(
        f"""SELECT {_UTC}, ended_s IS NOT NULL, version, model, clock FROM runs AS row JOIN boots ON boots.id = row.boot
        {_LINE} ORDER BY row.id DESC LIMIT ?""",
        (count,),
    )
    return [PastRun(utc_s, bool(ended), *rest) for utc_s, ended, *rest in rows]
