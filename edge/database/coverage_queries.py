"""What was heard and what was missed: spans of audio, gaps, load levels, anchors. Needs no numpy."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from birdedge.edge.database.clock_lines import line_at, utc_at
from birdedge.edge.database.scalar import scalar


class SpanRow(NamedTuple):
    """A span of audio without a gap."""

    utc_s: float
    length_s: float


class GapRow(NamedTuple):
    """A gap; `length_s` is None while it lasts, or if its length is unknown."""

    utc_s: float
    length_s: float | None
    cause: str
    lasts: bool


class GapTotal(NamedTuple):
    """All ended gaps of one cause; a gap of unknown length counts as 0 seconds."""

    cause: str
    gaps: int
    length_s: float


class NewGap(NamedTuple):
    """A gap for a reader that has all earlier ones."""

    id: int  # in the order in which the gaps began
    boot_id: str
    began_s: float  # boot clock
    gap: GapRow


class AnchorRow(NamedTuple):
    """The boot clock when this much audio of a stream had arrived, by the nominal rate."""

    audio_s: float
    boot_s: float


def spans(db: sqlite3.Connection) -> list[SpanRow]:
    """Return all spans of audio, oldest first."""
    rows = db.execute(
        f"""SELECT {utc_at("began_s")}, max(0.0, {utc_at("ended_s", "ended")} - {utc_at("began_s")})
        FROM heard JOIN boot_of_stream USING (stream)
        {line_at("boot_of_stream.boot", "began_s")} {line_at("boot_of_stream.boot", "ended_s", "ended")} ORDER BY 1"""
    )
    return [SpanRow(*row) for row in rows]


def heard_s(db: sqlite3.Connection) -> float:
    """Return the seconds of audio heard, counted in samples, so that setting the clock later does not change them."""
    query = (
        "SELECT total(samples * 1.0 / sample_rate_hz) FROM heard JOIN streams ON streams.id = heard.stream"
    )
    return float(scalar(db, query))


def last_heard_s(db: sqlite3.Connection, run: int) -> float | None:
    """Return the boot clock at the last audio of a run; None if there was none."""
    query = "SELECT max(ended_s) FROM heard JOIN boot_of_stream USING (stream) WHERE run = ?"
    heard_s: float | None = scalar(db, query, run)
    return heard_s


def span_end_s(db: sqlite3.Connection, span: int) -> float | None:
    """Return the end of a span of audio (boot clock); None if no span has this number."""
    ended_s: float | None = scalar(db, "SELECT ended_s FROM heard WHERE id = ?", span)
    return ended_s


def gaps(db: sqlite3.Connection) -> list[GapRow]:
    """Return all gaps, oldest first."""
    rows = db.execute("SELECT utc_s, length_s, cause, lasts FROM gaps ORDER BY 1")
    return [GapRow(utc_s, length_s, cause, bool(lasts)) for utc_s, length_s, cause, lasts in rows]


def gap_totals(db: sqlite3.Connection) -> list[GapTotal]:
    """Return the number and total length of the ended gaps, by cause."""
    rows = db.execute("SELECT cause, count(*), total(length_s) FROM gaps WHERE NOT lasts GROUP BY cause")
    return [GapTotal(*row) for row in rows]


def new_gaps(db: sqlite3.Connection, after: int, count: int) -> list[NewGap]:
    """Return the first `count` gaps after an id, in the order of their ids; 0 starts at the first gap."""
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
    """Return the id of the last gap that has ended; 0 if there is none."""
    return int(scalar(db, "SELECT coalesce(max(id), 0) FROM gap_rows WHERE ended_s IS NOT NULL"))


def open_gaps(db: sqlite3.Connection, boot: int) -> list[tuple[int, float]]:
    """Return the number and start (boot clock) of each open gap of a boot."""
    return db.execute(
        "SELECT id, began_s FROM gap_rows WHERE ended_s IS NULL AND boot = ? ORDER BY id", (boot,)
    ).fetchall()


def open_gap_cause(db: sqlite3.Connection) -> str | None:
    """Return why nothing is heard at present; None if no gap is open."""
    cause: str | None = scalar(
        db, "SELECT cause FROM gap_rows WHERE ended_s IS NULL ORDER BY id DESC LIMIT 1"
    )
    return cause


def load_levels(db: sqlite3.Connection) -> list[tuple[float, str]]:
    """Return each change of the load level: boot clock and name."""
    return db.execute("SELECT boot_s, level FROM load_levels ORDER BY rowid").fetchall()


def anchors(db: sqlite3.Connection) -> list[AnchorRow]:
    """Return all anchors, oldest first."""
    rows = db.execute(
        """SELECT sample * 1.0 / sample_rate_hz, boot_s FROM anchors JOIN streams ON streams.id = anchors.stream
        ORDER BY anchors.rowid"""
    )
    return [AnchorRow(*row) for row in rows]
