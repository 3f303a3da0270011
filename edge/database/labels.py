"""The labels, locks and deletions that people give to events and clips, in a separate database.

Rows are only appended, and the newest row of an event or clip counts, so that the history is kept. Events do not
change. The companion writes the file and the recorder reads it: retention does not delete a locked clip, and removes a
deleted one at its next step. The file has a rollback journal, because a reader of a write-ahead log must write too.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from birdedge.edge.database.connection import is_damage
from birdedge.edge.errors import DiskError, SettingsError, StoreError

LABELS_FILE = "labels.sqlite"
LABELS_VERSION = 1
BUSY_TIMEOUT_S = 10.0
MAX_NOTE_CHARACTERS = 500
Label = Literal["bird", "not bird", "other"]
LABELS: tuple[Label, ...] = get_args(Label)
Mark = Literal["locked", "unlocked", "deleted"]
LABELS_SCHEMA = """
CREATE TABLE labels (                  -- the newest row of an event counts
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL, onset_sample INTEGER NOT NULL, -- as in event_rows; both have to match
    event_utc_s REAL NOT NULL,         -- of the onset, as it was known
    label TEXT NOT NULL CHECK (label IN ('bird', 'not bird', 'other', '')), -- '': withdrawn
    note TEXT NOT NULL,
    utc_s REAL NOT NULL                -- of this row
);
CREATE TABLE clip_marks (              -- the newest row of a clip counts
    id INTEGER PRIMARY KEY, path TEXT NOT NULL, -- as in clips
    mark TEXT NOT NULL CHECK (mark IN ('locked', 'unlocked', 'deleted')), utc_s REAL NOT NULL
);
CREATE INDEX labels_by_event ON labels (event, onset_sample);
CREATE INDEX marks_by_path ON clip_marks (path);
CREATE TRIGGER labels_stay BEFORE UPDATE ON labels BEGIN SELECT RAISE(ABORT, 'labels are only appended'); END;
CREATE TRIGGER labels_remain BEFORE DELETE ON labels BEGIN SELECT RAISE(ABORT, 'labels are only appended'); END;
CREATE TRIGGER marks_stay BEFORE UPDATE ON clip_marks BEGIN SELECT RAISE(ABORT, 'marks are only appended'); END;
CREATE TRIGGER marks_remain BEFORE DELETE ON clip_marks BEGIN SELECT RAISE(ABORT, 'marks are only appended'); END;
"""


class LabelRow(NamedTuple):
    """The current label of an event; an empty `label` was withdrawn."""

    label: str
    note: str
    utc_s: float


@dataclass(frozen=True)
class LabelledEvent:
    """The event that a label is about."""

    event: int
    onset_sample: int
    utc_s: float


def add_labels(
    folder: Path, events: Sequence[LabelledEvent], label: Label | Literal[""], note: str | None, utc_s: float
) -> None:
    """Label events, all or none.

    Args:
        folder: Folder of the recorder.
        events: Events of its database.
        label: The label; an empty one withdraws the label of each event.
        note: Free text; None keeps the current note of each event.
        utc_s: The present time.

    Raises:
        SettingsError: The label is unknown, or the note is too long.
        StoreError: Another version of birdedge wrote the file, or it is damaged.
        DiskError: The file cannot be written.
    """
    if label not in (*LABELS, ""):
        raise SettingsError(f"the label is {label!r}; use one of {', '.join(map(repr, LABELS))}")
    if note is not None and len(note) > MAX_NOTE_CHARACTERS:
        raise SettingsError(f"the note has {len(note)} characters; use at most {MAX_NOTE_CHARACTERS}")
    query = """INSERT INTO labels (event, onset_sample, event_utc_s, label, note, utc_s) VALUES (?1, ?2, ?3, ?4,
        coalesce(?5, (SELECT note FROM labels WHERE event = ?1 AND onset_sample = ?2 ORDER BY id DESC LIMIT 1), ''),
        ?6)"""
    with _writing(folder) as db:
        db.executemany(
            query,
            [(event.event, event.onset_sample, event.utc_s, label, note, utc_s) for event in events],
        )


def mark_clips(folder: Path, paths: Sequence[str], mark: Mark, utc_s: float) -> None:
    """Lock, unlock or delete clips, all or none; a deletion skips locked clips.

    Args:
        folder: Folder of the recorder.
        paths: Paths as its database lists them.
        mark: The newest mark of a clip counts. The recorder carries out a deletion at the next step of its retention.
        utc_s: The present time.

    Raises:
        StoreError: Another version of birdedge wrote the file, or it is damaged.
        DiskError: The file cannot be written.
    """
    with _writing(folder) as db:
        if mark == "deleted":
            locked = set(_marked(db, "locked"))
            paths = [path for path in paths if path not in locked]
        db.executemany(
            "INSERT INTO clip_marks (path, mark, utc_s) VALUES (?, ?, ?)",
            [(path, mark, utc_s) for path in paths],
        )


def labels_of(folder: Path, events: Sequence[tuple[int, int]]) -> dict[int, LabelRow]:
    """Return the labels of events, given by number and first sample; an event without a label is left out.

    Raises:
        StoreError: another version of birdedge wrote the file, or it is damaged.
        DiskError: it cannot be read.
    """
    query = """SELECT label, note, utc_s FROM labels WHERE event = ? AND onset_sample = ? ORDER BY id DESC LIMIT 1"""
    with _reading(folder) as db:
        if db is None:
            return {}
        rows = ((event, db.execute(query, (event, sample)).fetchone()) for event, sample in events)
        return {event: LabelRow(*row) for event, row in rows if row is not None and row[0]}


def labelled(folder: Path, label: Label | None = None) -> list[tuple[int, int]]:
    """Return the number and first sample of each event with a label; None for any label.

    Raises:
        StoreError: another version of birdedge wrote the file, or it is damaged.
        DiskError: it cannot be read.
    """
    query = """SELECT event, onset_sample FROM labels
        WHERE id IN (SELECT max(id) FROM labels GROUP BY event, onset_sample) AND label = coalesce(?1, label)
        AND label != '' ORDER BY event"""
    with _reading(folder) as db:
        return [] if db is None else db.execute(query, (label,)).fetchall()


def marked_clips(folder: Path, mark: Mark) -> list[str]:
    """Return the paths of the clips whose newest mark is this one.

    Raises:
        StoreError: another version of birdedge wrote the file, or it is damaged.
        DiskError: it cannot be read.
    """
    with _reading(folder) as db:
        return [] if db is None else _marked(db, mark)


def marks_of(folder: Path, paths: Sequence[str]) -> Mapping[str, Mark]:
    """Return the newest mark of each clip; a clip without a mark is left out.

    Raises:
        StoreError: another version of birdedge wrote the file, or it is damaged.
        DiskError: it cannot be read.
    """
    query = """SELECT path, mark FROM clip_marks WHERE id IN (
        SELECT max(id) FROM clip_marks WHERE path IN (SELECT value FROM json_each(?)) GROUP BY path)"""
    with _reading(folder) as db:
        return {} if db is None else dict(db.execute(query, (json.dumps(list(paths)),)).fetchall())


def _marked(db: sqlite3.Connection, mark: Mark) -> list[str]:
    query = """SELECT path FROM clip_marks WHERE id IN (SELECT max(id) FROM clip_marks GROUP BY path) AND mark = ?
        ORDER BY id"""
    return [path for (path,) in db.execute(query, (mark,))]


@contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """Open the file; None if it does not exist or is empty. After a power cut, roll back its journal if possible."""
    path = folder / LABELS_FILE
    if not path.exists():
        yield None
        return
    with _errors(path):
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S)
        try:
            db.execute("PRAGMA query_only = ON")
            version = _version(db, path)
            yield db if version else None
        finally:
            db.close()


@contextmanager
def _writing(folder: Path) -> Iterator[sqlite3.Connection]:
    """Open the file, created if missing, and commit all that the `with` block writes, or nothing."""
    path = folder / LABELS_FILE
    with _errors(path):
        db = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        try:
            db.execute("PRAGMA synchronous = FULL")  # a commit survives a power cut
            # Another process that begins a transaction waits here, before it looks for the tables.
            db.execute("BEGIN IMMEDIATE")
            if _version(db, path) == 0:
                for statement in _statements(LABELS_SCHEMA):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {LABELS_VERSION}")
            yield db
            db.execute("COMMIT")
        finally:
            db.close()  # rolls back what was not committed


def _version(db: sqlite3.Connection, path: Path) -> int:
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version not in (0, LABELS_VERSION):
        age = "a newer" if version > LABELS_VERSION else "an older"
        raise StoreError(
            f"{path} was written by {age} birdedge (schema {version}, this one uses {LABELS_VERSION}): use that "
            "version, or move the file away, which ends its labels and locks"
        )
    return version


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: `executescript` would commit the transaction that makes the tables."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Turn an SQLite error into a `StoreError` or `DiskError`."""
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise StoreError(
                f"{path} is damaged ({error}): put a copy in its place, or move it away, which ends its "
                "labels and locks"
            ) from error
        raise DiskError(
            f"{path} cannot be read or written ({error}): check its disk, and that this user may write to its folder"
        ) from error
