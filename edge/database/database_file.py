"""The open database of a recorder, which is always the file at its path.

A drive may be mounted over its folder, unmounted or replaced, and the folder may be renamed: SQLite then continues in
the file that it has open, which nobody can find any more. A disk that recovers from a failure may need a new
connection, and pages may become damaged at any time.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import suppress
from pathlib import Path

from birdedge.edge.database.connection import is_damage, open_to_write
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.errors import OutputError
from birdedge.edge.system.folder_lock import FolderLock
from birdedge.edge.system.mounts import is_mounted

log = logging.getLogger(__name__)


class DatabaseFile:
    """The database of a folder, which is opened on first use, and again after `close`.

    Attributes:
        path: Path of the file.
        opened: How often the file was opened; row numbers from before may be wrong each time.
        left: The abandoned database if its disk is still mounted: it can be read, but nobody can find it any more.

    Raises:
        OutputError: Raised by `db`; see `open_to_write`.
        StoreError: Raised by `db`: another process writes to the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        self.opened = 0
        self.left: sqlite3.Connection | None = None
        self._kept: list[sqlite3.Connection] = []
        self._folder = folder
        self._db: sqlite3.Connection | None = None
        self._lock: FolderLock | None = None
        self._file_id: tuple[int, int] | None = None
        self._is_damaged = False

    @property
    def db(self) -> sqlite3.Connection:
        """The connection; while the database cannot be opened, each use retries."""
        if self._db is None:
            with suppress(OSError):  # reported by the next step
                self._folder.mkdir(parents=True, exist_ok=True)
            lock = FolderLock(self._folder)
            try:
                self._db, quarantined = open_to_write(self._folder, is_damaged=self._is_damaged)
            except BaseException:
                lock.release()
                raise
            self._lock, self._is_damaged = lock, False
            self._file_id = self._file_id_at_path()
            self.opened += 1
            if quarantined is not None:
                log.error(
                    "the database was damaged; it was moved to %s, and a new one was created", quarantined
                )
        return self._db

    def checkpoint(self) -> None:
        """Move commits from the write-ahead log to the file, except those that another program is still reading."""
        with suppress(OutputError, sqlite3.Error):  # the next commit reports what is wrong
            self.db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def leave_if_moved(self) -> None:
        """Abandon the file if it is no longer the one at its path."""
        if self._db is None or self._file_id is None or self._file_id_at_path() == self._file_id:
            return
        log.error(
            "%s is no longer the database that was opened: its folder was mounted, unmounted, moved or deleted; "
            "new rows are written to the folder that is there now",
            self.path,
        )
        self.forget_left()
        self.left, self._db = self._db, None
        self.close()
        if not is_mounted(self._file_id[0]):
            self.forget_left()

    def forget_left(self) -> None:
        """Close the abandoned database."""
        left, self.left = self.left, None
        there = self._file_id_at_path()
        if left is None:
            return
        # On closing, SQLite deletes the write-ahead log at its path, which may belong to the file that is there now:
        # SQLite compares inode numbers, which may be equal on two disks.
        if there is not None and self._file_id is not None and there[1] == self._file_id[1]:
            self._kept.append(left)
            return
        with suppress(sqlite3.Error):
            left.close()

    def close_if_damaged(self, error: BaseException | None) -> None:
        """Close the connection if this error means damage; the next use moves the file away."""
        if is_damage(error):
            self._is_damaged = True
            self.close()

    def close(self) -> None:
        """Close the connection, fold the write-ahead log into the file, and release the folder."""
        db, self._db = self._db, None
        lock, self._lock = self._lock, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()
        if lock is not None:
            lock.release()

    def _file_id_at_path(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino
