"""How far a recorder's events and gaps have been published, and the id that they are published under."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from birdedge.edge.companion.folders import place_name
from birdedge.edge.database import coverage_queries, event_queries, run_queries
from birdedge.edge.database.coverage_queries import NewGap
from birdedge.edge.database.event_queries import NewEvent
from birdedge.edge.errors import SettingsError, StoreError
from birdedge.edge.settings import from_table
from birdedge.edge.system.atomic_file import replacing
from birdedge.edge.system.clock import boot_id, monotonic_s

FILE_NAME = "birdedge.mqtt.json"
LOCK_NAME = "birdedge.mqtt.lock"
ID_PATTERN = r"[a-z0-9_-]{1,64}"
MAX_SLUG = 40  # characters

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """What a broker has acknowledged, in rows of the database; 0 for nothing.

    Raises:
        SettingsError: The id is not valid in a topic.
    """

    recorder_id: str  # in topics and unique ids; never changes
    events: int = 0  # last event that was sent in a batch
    event_id: str = ""  # of that event, see `event_id`: in another database the row belongs to another event
    live: int = 0  # last event that the topic `event` has published or skipped
    gaps: int = 0  # last gap that is over and was sent
    gap_id: str = ""
    open_gap_id: str = ""  # of the gap that lasts and was sent

    def __post_init__(self) -> None:
        if not re.fullmatch(ID_PATTERN, self.recorder_id):
            raise SettingsError(f"recorder_id is {self.recorder_id!r}; it must match {ID_PATTERN}")


def event_id(new: NewEvent) -> str:
    """Return the id of an event: the same in each message about it, and in each copy of the database."""
    event = new.event
    return _digest(new.boot_id, event.onset_s, event.duration_s, event.low_hz, event.high_hz, event.peak_hz)


def event_id_at(db: sqlite3.Connection, row: int) -> str:
    """Return the id of the event with this number; empty if there is none."""
    return next(
        (event_id(new) for new in event_queries.new_events(db, row - 1, 1) if new.event.id == row), ""
    )


def gap_id(new: NewGap) -> str:
    """Return the id of a gap, with the properties of `event_id`."""
    return _digest(new.boot_id, new.began_s)


def read_progress(folder: Path, db: sqlite3.Connection, max_age_s: float) -> Progress:
    """Return the stored progress of a recorder; at first, all events but the newest count as published.

    Args:
        folder: The folder of the recorder.
        db: The database of the recorder.
        max_age_s: The age above which events count as published at first.

    Raises:
        StoreError: The recorder has not run yet.
    """
    path = folder / FILE_NAME
    try:
        return from_table(Progress, json.loads(path.read_text(encoding="utf-8")), str(path))
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        log.error("%s cannot be read (%s): only new events are published", path, error)
    return _first_progress(folder, db, max_age_s)


def belongs_to(progress: Progress, db: sqlite3.Connection) -> bool:
    """Return whether a progress belongs to this database, and not to an earlier one in its place."""
    return (progress.event_id, progress.gap_id) == (
        event_id_at(db, progress.events),
        _gap_id_at(db, progress.gaps),
    )


def write_progress(folder: Path, progress: Progress) -> None:
    """Store the progress, so that a power cut leaves either it or the previous one.

    Raises:
        OutputError: It cannot be written.
    """
    with replacing(folder / FILE_NAME) as file:
        file.write(json.dumps(asdict(progress), indent=1).encode() + b"\n")


def _first_progress(folder: Path, db: sqlite3.Connection, max_age_s: float) -> Progress:
    run = run_queries.first_run(db)
    if run is None:
        raise StoreError(f"the database in {folder} holds no run yet: start `birdedge listen --out {folder}`")
    boot, began_s, site = run
    slug = re.sub(r"[^a-z0-9]+", "_", place_name(folder, site).lower()).strip("_")[:MAX_SLUG]
    recorder_id = f"{slug}_{_digest(boot, began_s, folder.name)[:8]}".lstrip("_")
    events, gaps = (
        event_queries.last_event_before(db, boot_id(), monotonic_s() - max_age_s),
        coverage_queries.last_ended_gap(db),
    )
    return Progress(recorder_id, events, event_id_at(db, events), events, gaps, _gap_id_at(db, gaps))


def _gap_id_at(db: sqlite3.Connection, row: int) -> str:
    return next((gap_id(new) for new in coverage_queries.new_gaps(db, row - 1, 1) if new.id == row), "")


def _digest(*values: object) -> str:
    return blake2b(" ".join(map(repr, values)).encode(), digest_size=8).hexdigest()
