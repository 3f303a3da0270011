"""Runs and boots: the latest run, what is known about its UTC, and what it reported. Needs no numpy."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from birdedge.edge.database.scalar import scalar
from birdedge.edge.pipeline.utc_line import ClockLine, UtcLine
from birdedge.edge.times import ClockState

LINE_COLUMNS = tuple(field.name for field in fields(ClockLine))


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
    clock: ClockState  # where UTC comes from
    utc: ClockLine  # the current line, or the last one of that boot


def latest_run(db: sqlite3.Connection) -> RunRow | None:
    """Return the run that began last; None if there is none."""
    row = db.execute(
        """SELECT runs.id, boots.id, boots.boot_id, runs.began_s, runs.ended_s, runs.version, runs.model, runs.site,
        boots.clock
        FROM runs JOIN boots ON boots.id = runs.boot ORDER BY runs.id DESC LIMIT 1"""
    ).fetchone()
    return None if row is None else RunRow(*(*row, _latest_line(db, row[1])))


def first_run(db: sqlite3.Connection) -> tuple[str, float, str] | None:
    """Return the boot id, start (boot clock) and site of the first run; None if there is none.

    Run 0 is that of clips from a lost database.
    """
    row: tuple[str, float, str] | None = db.execute(
        """SELECT boot_id, began_s, site FROM runs JOIN boots ON boots.id = runs.boot
        WHERE runs.id > 0 ORDER BY runs.id LIMIT 1"""
    ).fetchone()
    return row


def is_latest_run(db: sqlite3.Connection, boot_id: str, run: int, began_s: float) -> bool:
    """Return whether the latest run is this one."""
    latest = latest_run(db)
    return latest is not None and (latest.boot_id, latest.run, latest.began_s) == (boot_id, run, began_s)


def has_run(db: sqlite3.Connection, boot_id: str, began_s: float) -> bool:
    """Return whether a run began at a time of a boot."""
    query = "SELECT 1 FROM runs JOIN boots ON boots.id = runs.boot WHERE boot_id = ? AND began_s = ?"
    return scalar(db, query, boot_id, began_s) is not None


def has_ended(db: sqlite3.Connection, boot_id: str, began_s: float) -> bool:
    """Return whether a run that began at a time of a boot stopped cleanly."""
    query = """SELECT 1 FROM runs JOIN boots ON boots.id = runs.boot
        WHERE boot_id = ? AND began_s = ? AND ended_s IS NOT NULL"""
    return scalar(db, query, boot_id, began_s) is not None


def latest_health(db: sqlite3.Connection) -> dict[str, Any]:
    """Return the latest report of the latest run as it was stored; empty if there is none."""
    text = scalar(db, "SELECT json FROM health WHERE run = (SELECT max(id) FROM runs)")
    return {} if text is None else dict(json.loads(text))


def boot(db: sqlite3.Connection, boot_id: str) -> int:
    """Return the number of a boot that is in the database."""
    return int(scalar(db, "SELECT id FROM boots WHERE boot_id = ?", boot_id))


def utc_of_boot(db: sqlite3.Connection, boot_id: str) -> UtcLine | None:
    """Return what is known about the UTC of a boot; None if the boot is not in the database."""
    row = db.execute("SELECT id, clock FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return None if row is None else UtcLine.of_boot(row[1], _latest_line(db, row[0]))


def _latest_line(db: sqlite3.Connection, boot: int) -> ClockLine:
    row = db.execute(
        f"SELECT {', '.join(LINE_COLUMNS)} FROM clock_lines WHERE boot = ? ORDER BY from_s DESC LIMIT 1",
        (boot,),
    ).fetchone()
    return ClockLine(*row)


def rows_of(db: sqlite3.Connection, table: str, **where: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table in which a column has a value, in order, as values by column name."""
    ((column, value),) = where.items()
    found = db.execute(f"SELECT * FROM {table} WHERE {column} = ? ORDER BY 1", (value,))
    names = [description[0] for description in found.description]
    return (dict(zip(names, row, strict=True)) for row in found)
