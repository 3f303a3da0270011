"""Open the recorder's SQLite file.

For reading, it is not changed; for writing, it is created if missing and quarantined if damaged.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from birdedge.edge.database.schema import FILE_NAME, SCHEMA, SCHEMA_VERSION
from birdedge.edge.errors import DiskError, OutputError, StoreError
from birdedge.edge.system.atomic_file import is_permanent

BUSY_TIMEOUT_S = 10.0
MAX_LOG_BYTES = 4_194_304  # of the write-ahead log: the size at which SQLite moves it to the file


@contextmanager
def reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the database of a folder to read it; nothing is changed, checked or waited for.

    Raises:
        StoreError: There is no database, or this user may not read it.
        DiskError: The database cannot be read. Also raised in the `with` block.
    """
    path = folder / FILE_NAME
    if not _may_read(path):
        raise StoreError(f"{path} may not be read by this user: use sudo, or join the group of its recorder")
    if not path.is_file():
        raise StoreError(f"there is no {path}: name the folder of `birdedge listen --out`")
    # If no program writes the file and no log can be created, as on a card in a reader, it cannot change.
    immutable = int(not has_log(folder) and not _is_open(folder) and not os.access(path.parent, os.W_OK))
    with database_errors(path):
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro&immutable={immutable}", uri=True, timeout=BUSY_TIMEOUT_S
        )
        try:
            yield db
        finally:
            db.close()


def has_log(folder: Path) -> bool:
    """Return whether the write-ahead log of a database has content; it is deleted when the recorder stops.

    An empty log comes from a program that read the database.
    """
    log = folder / f"{FILE_NAME}-wal"
    return log.exists() and log.stat().st_size > 0


def _is_open(folder: Path) -> bool:
    """Return whether a program may have the database open, even if its log is empty at present."""
    return all((folder / f"{FILE_NAME}{suffix}").exists() for suffix in ("-wal", "-shm"))


def is_empty(error: OutputError) -> bool:
    """Return whether reading failed because the file has no tables: they were in the write-ahead log."""
    return "no such table" in str(error.__cause__)


def _may_read(path: Path) -> bool:
    """Return whether this user may read a file, or may see that it is missing."""
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    except OSError:
        return True  # opening the file reports the cause
    return os.access(path, os.R_OK)


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Turn an SQLite error into a `DiskError`."""
    try:
        yield
    except sqlite3.Error as error:
        raise DiskError(
            f"{path} cannot be read or written ({error}): check its disk, and that it is the database of a recorder"
        ) from error


def open_to_write(folder: Path, *, is_damaged: bool = False) -> tuple[sqlite3.Connection, Path | None]:
    """Open or create the database of a folder.

    Args:
        folder: Folder of the database.
        is_damaged: Whether the file is known to be damaged.

    Returns:
        The connection, and the new path of a damaged file; None if the file was not damaged.

    Raises:
        StoreError: This user may not write there, the folder is a file, or another version of birdedge wrote it.
        DiskError: The disk is full, read-only or fails.
    """
    path = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _open(path, is_damaged)
    except StoreError:
        raise
    except (OSError, sqlite3.Error) as error:
        kind = StoreError if _is_permanent(error, path) else DiskError
        raise kind(
            f"{path} cannot be opened ({error}): name a folder that can be written to and has room"
        ) from error


def is_damage(error: BaseException | None) -> bool:
    """Return whether SQLite found that the file is damaged or not a database."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the extended part
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _open(path: Path, is_damaged: bool) -> tuple[sqlite3.Connection, Path | None]:
    db, quarantined = _connect(path), None
    try:
        whole = not is_damaged and db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        whole = False
    if not whole:
        db.close()
        quarantined = _quarantine(path)
        db = _connect(path)
    try:
        with db:
            db.execute("BEGIN IMMEDIATE")  # SQLite opens a file that it may not write, and fails only later
            _require_schema(db, path)
    except BaseException:
        db.close()
        raise
    return db, quarantined


def _require_schema(db: sqlite3.Connection, path: Path) -> None:
    """Create the tables of a new database, and refuse a database of another version."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, SCHEMA_VERSION):
        age = "a newer" if version > SCHEMA_VERSION else "an older"
        raise StoreError(
            f"{path} was written by {age} birdedge (schema {version}, this one uses {SCHEMA_VERSION}): "
            "use that version, or name another folder"
        )
    if version == 0:
        db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level="DEFERRED", check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
        db.execute(f"PRAGMA journal_size_limit = {MAX_LOG_BYTES}")  # after a burst of writes
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            db.close()
            raise
    return db


def _is_permanent(error: OSError | sqlite3.Error, path: Path) -> bool:
    """Return whether an error is permanent; SQLite hides why it cannot open a file, so open it without SQLite."""
    if isinstance(error, OSError):
        return is_permanent(error)
    try:
        with path.open("ab"), tempfile.TemporaryFile(dir=path.parent):
            return False
    except OSError as cause:
        return is_permanent(cause)


def _quarantine(path: Path) -> Path:
    """Rename a damaged file and its -wal and -shm files; nothing is deleted."""
    number = 1
    while (moved := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(moved.with_name(moved.name + suffix))
    return moved
