"""The recorder's SQLite file: its tables, and how it is opened, made or, where it is damaged, set aside."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

from birdedge.edge.errors import DiskError, StoreError
from birdedge.edge.system.atomic_file import is_permanent

FILE_NAME = "birdedge.sqlite"
SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE boots (
    id INTEGER PRIMARY KEY, boot_id TEXT UNIQUE NOT NULL,
    offset_s REAL NOT NULL,            -- UTC less boot_s
    synchronized INTEGER NOT NULL,     -- whether a synchronized clock said so
    first_offset_s REAL NOT NULL       -- what the clock said before it was synchronized
);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, boot INTEGER NOT NULL REFERENCES boots, began_s REAL NOT NULL, ended_s REAL,
    version TEXT NOT NULL, model TEXT NOT NULL, site TEXT NOT NULL
);
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, device TEXT NOT NULL,
    sample_rate_hz INTEGER NOT NULL, channels INTEGER NOT NULL, began_s REAL NOT NULL
);
CREATE TABLE anchors (
    stream INTEGER NOT NULL REFERENCES streams, sample INTEGER NOT NULL, boot_s REAL NOT NULL,
    utc_s REAL NOT NULL, synchronized INTEGER NOT NULL
);
CREATE TABLE heard (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams,
    began_s REAL NOT NULL, first_sample INTEGER NOT NULL, samples INTEGER NOT NULL
);
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY, boot INTEGER NOT NULL REFERENCES boots, began_s REAL NOT NULL,
    length_s REAL,                     -- none while it lasts
    cause TEXT NOT NULL
);
CREATE TABLE modes (boot INTEGER NOT NULL REFERENCES boots, boot_s REAL NOT NULL, mode TEXT NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES streams,
    onset_sample INTEGER NOT NULL, offset_sample INTEGER NOT NULL, onset_s REAL NOT NULL,
    utc_s REAL NOT NULL, uncertainty_s REAL, corrected INTEGER NOT NULL DEFAULT 0,
    low_hz REAL NOT NULL, high_hz REAL NOT NULL, peak_hz REAL NOT NULL, score REAL NOT NULL,
    area_hz_s REAL NOT NULL, snr_db REAL NOT NULL
);
CREATE TABLE clips (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE NOT NULL, stream INTEGER NOT NULL REFERENCES streams,
    first_sample INTEGER NOT NULL, samples INTEGER NOT NULL, bytes INTEGER NOT NULL, score REAL
);
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1), run INTEGER NOT NULL REFERENCES runs, boot_s REAL NOT NULL,
    json TEXT NOT NULL
);
CREATE VIEW boot_of_stream AS  -- what turns a sample into boot_s and UTC
    SELECT streams.id AS stream, streams.run, streams.sample_rate_hz, streams.began_s AS stream_began_s,
    boots.id AS boot, boots.offset_s
    FROM streams JOIN runs ON runs.id = streams.run JOIN boots ON boots.id = runs.boot;
CREATE INDEX events_by_utc ON events (utc_s);
"""


def open_to_read(path: Path) -> sqlite3.Connection:
    """The file as it is, with nothing changed, checked or waited for. Raises: StoreError where there is none."""
    if not path.is_file():
        raise StoreError(f"there is no {path}: name the folder of `birdedge listen --out`")
    # Where no log lies beside it and none can be made, as on a card in a reader, the file is taken as it is.
    log = path.with_name(f"{path.name}-wal")
    immutable = int(not log.exists() and not os.access(path.parent, os.W_OK))
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable={immutable}", uri=True, timeout=10.0
    )


def open_to_write(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """The file, made where there is none, and where a damaged one was put.

    Raises:
        StoreError: this user may not write there, the folder is a file, or the database is of a newer birdedge.
        DiskError: the disk is full, read-only or fails.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _open(path)
    except StoreError:
        raise
    except (OSError, sqlite3.OperationalError) as error:
        kind = StoreError if _is_permanent(error, path) else DiskError
        raise kind(
            f"{path} cannot be opened ({error}): name a folder that can be written to and has room"
        ) from error


def _open(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    db, quarantined = _connect(path), None
    try:
        whole = db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        whole = False
    if not whole:
        db.close()
        quarantined = _quarantine(path)
        db = _connect(path)
    with db:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{path} was written by a newer birdedge (schema {version}, this one knows "
                f"{SCHEMA_VERSION}): update birdedge, or name another folder"
            )
        if version == 0:
            db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    return db, quarantined


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=10.0, isolation_level="DEFERRED", check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a commit outlives a power cut
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            db.close()
            raise
    return db


def _is_permanent(error: OSError | sqlite3.Error, path: Path) -> bool:
    """As `is_permanent`; since SQLite does not say why it cannot open a file, the system is asked."""
    if isinstance(error, OSError):
        return is_permanent(error)
    try:
        with path.open("ab"), tempfile.TemporaryFile(dir=path.parent):
            return False
    except OSError as cause:
        return is_permanent(cause)


def _quarantine(path: Path) -> Path:
    """Gives a damaged file, and what belongs to it, another name; nothing is deleted."""
    number = 1
    while (aside := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
