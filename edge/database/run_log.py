"""The rows that one run of a recorder writes to its database, and which of them are still open.

For use by one thread. Messages that could not be committed are applied again: `undo` returns to the last commit, in
memory too.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from birdedge import __version__
from birdedge.edge.database import coverage_queries, rows, run_queries
from birdedge.edge.database.connection import database_errors, is_damage
from birdedge.edge.database.database_file import DatabaseFile
from birdedge.edge.database.message_rows import begin_span, begin_stream, write_message
from birdedge.edge.database.open_rows import OpenRows
from birdedge.edge.database.rejected import KeptRegion
from birdedge.edge.database.transfer import transfer_run
from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.messages import Message
from birdedge.edge.pipeline.utc_line import UtcLine
from birdedge.edge.times import ClockReading, Stamp

log = logging.getLogger(__name__)


class RunLog:
    """A log that applies the messages of a run to the database.

    It first closes the previous run with a gap from its last audio until now. The cause of the gap is "stopped" if the
    previous run stopped cleanly; otherwise it is "restart" within the same boot, or "power lost" after another boot.

    Args:
        file: The database file.
        boot_id: Id of the machine's current boot.
        began: Clock reading at the start of the run.
        model, site: Model and site of the recorder.

    Attributes:
        deleted_rows: Number of rows that `prune` deleted.

    Raises:
        OutputError: The database cannot be opened or written. Raised by all methods except `undo` and `prune`.
    """

    def __init__(self, file: DatabaseFile, boot_id: str, began: ClockReading, model: str, site: str) -> None:
        self.path = file.path
        self._file, self.boot_id, self.began = file, boot_id, began
        self.model, self.site = model, site
        self.deleted_rows = 0
        self._pruned: set[str] = set()  # tables whose pruning was logged
        self._open = OpenRows(UtcLine().follow(began))
        self._committed = self._copy()

    @property
    def utc(self) -> UtcLine:
        """What is known about UTC in this boot."""
        return self._open.utc

    @property
    def db(self) -> sqlite3.Connection:
        """The connection; while the database cannot be opened, each use retries."""
        return self._file.db

    def commit(self) -> None:
        """Make everything written so far durable."""
        with database_errors(self.path):
            self.db.commit()
        self._file.forget_left()
        self._committed = self._copy()

    def undo(self, error: OutputError | None = None) -> None:
        """Discard everything since the last commit; if the file is damaged, the next use moves it away."""
        with suppress(OutputError, sqlite3.Error):
            self.db.rollback()
        self._open = self._committed
        self._committed = self._copy()
        if error is not None:
            self._file.close_if_damaged(error.__cause__)

    def prune(self) -> None:
        """Delete a few of the oldest rows of each table that has too many, and commit; call it after a commit."""
        try:
            with database_errors(self.path), self.db as db:
                deleted = {table: rows.prune(db, table) for table in rows.KEPT_ROWS}
        except OutputError as error:  # pruning can wait; if the disk fails, the next commit reports it
            self.undo(error)
            return
        self.deleted_rows += sum(deleted.values())
        for table in [table for table, count in deleted.items() if count and table not in self._pruned]:
            self._pruned.add(table)
            log.info("the oldest rows of %s are deleted: the newest %d stay", table, rows.KEPT_ROWS[table])

    def close(self) -> None:
        """Commit, and fold the write-ahead log into the file."""
        with database_errors(self.path):
            self.db.commit()
        self._file.close()

    def begin(self) -> None:
        """Begin the run in a newly opened database, or continue it there."""
        self._file.leave_if_moved()
        db, rows_open = self.db, self._open
        if rows_open.opened == self._file.opened:
            return
        with database_errors(self.path):
            if not rows_open.run:
                utc = run_queries.utc_of_boot(db, self.boot_id)
                if utc is not None and (utc.synchronized or not rows_open.utc.synchronized):
                    rows_open.utc = utc.follow(self.began)
                self._insert_run(self.began.boot_s)
            elif not self._is_continued():
                self._continue_run()
        rows_open.opened = self._file.opened

    def open_rows(self) -> dict[str, Any]:
        """Return the rows that were open at the last commit, for `restore`."""
        return self._committed.table()

    def restore(self, open_rows: Mapping[str, Any]) -> bool:
        """Continue a run of another process; return False if that run has ended in the database.

        Raises:
            TypeError: Another version of birdedge wrote these rows.
        """
        self._open = rows_open = replace(self._open, **open_rows)
        self._committed = self._copy()
        with database_errors(self.path):
            rows_open.utc = run_queries.utc_of_boot(self.db, self.boot_id) or rows_open.utc
            # The run began in this database, or it began in another one and was continued here.
            began = {rows_open.run_began_s or self.began.boot_s}
            began |= {rows_open.until.boot_s} if rows_open.until is not None else set()
            return not any(run_queries.has_ended(self.db, self.boot_id, began_s) for began_s in began)

    @property
    def until(self) -> Stamp | None:
        """The end of the last audio."""
        return self._open.until

    def _insert_run(self, began_s: float) -> None:
        rows_open = self._open
        rows_open.boot = rows.insert_boot(self.db, self.boot_id, rows_open.utc)
        self._close_earlier_run(began_s)
        rows_open.run_began_s = began_s
        rows_open.run = rows.insert_run(self.db, rows_open.boot, began_s, __version__, self.model, self.site)

    def _is_continued(self) -> bool:
        """Return whether this is the database of the last commit: this run is its latest, and its last span matches."""
        rows_open, until = self._open, self._open.until
        return run_queries.is_latest_run(self.db, self.boot_id, rows_open.run, rows_open.run_began_s) and (
            not rows_open.span
            or until is None
            or coverage_queries.span_end_s(self.db, rows_open.span) == until.boot_s
        )

    def _continue_run(self) -> None:
        """Write the run into another database: a copy of its rows if they can be read, otherwise the open rows."""
        rows_open, until = self._open, self._open.until
        is_known = run_queries.has_run(self.db, self.boot_id, rows_open.run_began_s)
        if self._file.left is not None and not is_known and self._transfer(self._file.left):
            return
        self._insert_run(self.began.boot_s if until is None else until.boot_s)
        rows_open.gap_before_span = 0
        if rows_open.span or rows_open.gap:  # audio or another cause follows at once
            rows_open.gap_before_run = 0
        if rows_open.started is not None:
            begin_stream(self.db, rows_open, rows_open.started)
        if rows_open.span and until is not None:
            begin_span(self.db, rows_open, until)
            rows_open.span_continued = until
        if rows_open.gap:
            rows_open.gap = rows.insert_gap(
                self.db, rows_open.boot, rows_open.gap_began_s, rows_open.gap_cause
            )

    def _transfer(self, left: sqlite3.Connection) -> bool:
        """Copy the rows of this run from the abandoned database; return False if it cannot be read."""
        before = self._copy()
        run, boot, began_s = before.run, before.boot, before.run_began_s
        self.db.execute("SAVEPOINT transfer")
        try:
            self._insert_run(began_s)
            rows_open = self._open
            numbers = transfer_run(left, self.db, (run, rows_open.run), (boot, rows_open.boot), began_s)
        except DiskError as error:
            log.error("the rows written before are not copied: %s", error)
            self.db.execute("ROLLBACK TO transfer")
            self._open = before
            return False
        finally:
            self.db.execute("RELEASE transfer")
        rows_open.take(numbers)
        return True

    def follow_clock(self, now: ClockReading) -> None:
        """Update the UTC of this boot from a clock reading, and store it."""
        before, self._open.utc = self._open.utc, self._open.utc.follow(now)
        if (before.state, before.lines) != (self._open.utc.state, self._open.utc.lines):
            with database_errors(self.path):
                rows.set_utc(self.db, self._open.boot, self._open.utc)

    def apply(self, message: Message | KeptRegion) -> None:
        """Write the rows of a message.

        Raises:
            ValueError: The message cannot be stored, and a retry would fail too; none of it was written.
        """
        before = self._copy()
        with database_errors(self.path):
            if not self.db.in_transaction:
                self.db.execute("BEGIN")
            self.db.execute("SAVEPOINT message")
            try:
                write_message(self.db, self._open, message)
            except Exception as error:
                if isinstance(error, sqlite3.OperationalError) or is_damage(error):
                    raise
                # A number beyond 64 bits, a name that is not UTF-8, a missing value or a wrong type.
                self.db.execute("ROLLBACK TO message")
                self._open = before
                raise ValueError(f"{message!a:.300} cannot be stored ({error})") from error
            self.db.execute("RELEASE message")

    def _close_earlier_run(self, began_s: float) -> None:
        """Write the gap since the last audio of the previous run."""
        earlier = run_queries.latest_run(self.db)
        if earlier is None:
            return
        boot = self._open.boot
        heard_s = coverage_queries.last_heard_s(self.db, earlier.run)
        last_s = next(s for s in (earlier.ended_s, heard_s, earlier.began_s) if s is not None)
        cause = (
            "stopped" if earlier.ended_s is not None else "restart" if earlier.boot == boot else "power lost"
        )
        for gap, _ in coverage_queries.open_gaps(self.db, earlier.boot):
            rows.end_gap(self.db, gap, last_s)
        self._open.gap_before_run = rows.insert_gap(self.db, earlier.boot, last_s, cause, end_boot=boot)
        rows.end_gap(self.db, self._open.gap_before_run, began_s)

    def _copy(self) -> OpenRows:
        return replace(self._open)
