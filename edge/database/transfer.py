"""Copy the rows of a run from the database that it abandoned into the one in which it continues.

The abandoned database is open but hidden: a drive was mounted over its folder, or the folder was moved or deleted.
Clips are not copied, because their files are not in the new folder either.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from birdedge.edge.database import rows, run_queries
from birdedge.edge.errors import DiskError

OF_A_STREAM = ("anchors", "event_rows", "rejected_rows")


@dataclass(frozen=True)
class NewNumbers:
    """The numbers of the copied rows, by their old numbers."""

    streams: dict[int, int]
    spans: dict[int, int]
    gaps: dict[int, int]


def transfer_run(
    left: sqlite3.Connection,
    db: sqlite3.Connection,
    run: tuple[int, int],
    boot: tuple[int, int],
    began_s: float,
) -> NewNumbers:
    """Copy the rows of a run.

    Args:
        left: The abandoned database, which holds the rows.
        db: The new database, which already has the run and its boot.
        run: Number of the run in `left` and in `db`.
        boot: Number of its boot in `left` and in `db`.
        began_s: Start of the run (boot clock).

    Raises:
        DiskError: The abandoned database cannot be read.
    """
    rows.copy(db, "clock_lines", _read(left, "clock_lines", boot=boot[0]), boot=boot[1])
    streams = rows.copy(db, "streams", _read(left, "streams", run=run[0]), run=run[1])
    spans: dict[int, int] = {}
    for stream, copied in streams.items():
        spans |= rows.copy(db, "heard", _read(left, "heard", stream=stream), stream=copied)
        for table in OF_A_STREAM:
            rows.copy(db, table, _read(left, table, stream=stream), stream=copied)
    of_run = (row for row in _read(left, "gap_rows", boot=boot[0]) if row["began_s"] >= began_s)
    gaps = rows.copy(db, "gap_rows", of_run, boot=boot[1], end_boot=boot[1])
    levels = (row for row in _read(left, "load_levels", boot=boot[0]) if row["boot_s"] >= began_s)
    rows.copy(db, "load_levels", levels, boot=boot[1])
    return NewNumbers(streams, spans, gaps)


def _read(left: sqlite3.Connection, table: str, **where: int) -> Iterator[dict[str, Any]]:
    try:
        yield from run_queries.rows_of(left, table, **where)
    except sqlite3.Error as error:
        raise DiskError(f"the abandoned database cannot be read ({error})") from error
