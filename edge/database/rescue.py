"""Rescue files: messages that could not be stored before the recorder ended; the next start stores them.

A rescue file lies in the folder of the database. If nothing can be written there, it goes to the first of
`state_folders` that works, under a name that depends on the folder. Its format is JSON Lines: the run, then each
message.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any, get_args

import numpy as np

from birdedge.edge.database.database_file import DatabaseFile
from birdedge.edge.database.rejected import KeptRegion
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.event import Event
from birdedge.edge.health import Health
from birdedge.edge.messages import Message, RunEnded
from birdedge.edge.system.atomic_file import output_errors, replacing
from birdedge.edge.system.state_folders import state_folders
from birdedge.edge.times import ClockReading, Stamp

NAME = "birdedge.rescue"
SUFFIX = ".jsonl"
MALFORMED = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RescuedRun:
    """A run that could not store everything: how it began, and its open rows; see `RunLog`."""

    boot_id: str
    began: ClockReading
    model: str
    site: str
    open_rows: dict[str, Any]


CLASSES = {
    kind.__name__: kind
    for kind in (*get_args(Message), KeptRegion, RescuedRun, Stamp, ClockReading, Event, Health)
}


def save(folder: Path, run_log: RunLog, messages: Sequence[Message | KeptRegion], path: Path | None) -> Path:
    """Write a rescue file, and return its path.

    Args:
        folder: Folder of the database.
        run_log: Log of the run.
        messages: The messages, in the order in which to store them.
        path: An earlier rescue file of this run to replace; None for a new one.

    Raises:
        DiskError: The file can be written nowhere.
    """
    began = run_log.boot_id, run_log.began, run_log.model, run_log.site
    run = RescuedRun(*began, run_log.open_rows())
    lines = [_line(item) for item in (run, *messages)]
    places = [path] if path is not None else [_free(place, name) for place, name in _places(folder)]
    for place in places:
        with suppress(OutputError):
            with replacing(place) as file, output_errors(place):
                file.writelines(lines)
            return place
    raise DiskError(f"nothing can be written in {' or '.join(str(place.parent) for place in places)}")


def store_saved(folder: Path, file: DatabaseFile) -> None:
    """Store the messages of earlier runs, oldest first, and delete their rescue files; rename damaged files.

    Raises:
        OutputError: The database cannot be opened or written; the files are kept.
    """
    for place, name in _places(folder):
        for path in sorted(place.glob(f"{name}*{SUFFIX}"), key=lambda path: (len(path.name), path.name)):
            try:
                stored = _store(path, file)
            except MALFORMED as error:
                log.error("%s cannot be read (%s): its messages are not stored", path, error)
                with suppress(OSError):
                    path.rename(path.with_suffix(".damaged"))
            else:
                with suppress(OSError):
                    path.unlink()
                log.info("%d message(s) of an earlier run were stored from %s", stored, path)


def _store(path: Path, file: DatabaseFile) -> int:
    """Store the messages of a rescue file and return their number; 0 if an earlier start already stored them."""
    with output_errors(path):
        lines = path.read_bytes().splitlines()
    run, *messages = (json.loads(line, object_hook=_object) for line in lines)
    run_log = RunLog(file, run.boot_id, run.began, run.model, run.site)
    if not run_log.restore(run.open_rows):
        return 0
    run_log.begin()
    for message in messages:
        try:
            run_log.apply(message)
        except ValueError as error:
            log.error("%s; it is skipped", error)
    if run_log.until is not None and not any(isinstance(message, RunEnded) for message in messages):
        run_log.apply(RunEnded(run_log.until))
    run_log.commit()
    return len(messages)


def _places(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the folders for a rescue file, each with the file's name there, without number and suffix."""
    yield folder, NAME
    digest = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    for place in state_folders():
        yield place, f"{NAME}-{digest}"


def _free(place: Path, name: str) -> Path:
    numbered = (place / f"{name}-{number}{SUFFIX}" for number in count(2))
    return next(path for path in chain([place / f"{name}{SUFFIX}"], numbered) if not os.path.lexists(path))


def _line(item: RescuedRun | Message | KeptRegion) -> bytes:
    return json.dumps(item, default=_table).encode("ascii") + b"\n"


def _table(value: object) -> object:
    """Return a value for JSON: a dataclass as a table with its class name; masks are not stored."""
    if is_dataclass(value):
        return {"class": type(value).__name__} | {
            field.name: getattr(value, field.name) for field in fields(value)
        }
    if isinstance(value, datetime):
        return {"class": "datetime", "utc_s": value.timestamp()}
    return value.item() if isinstance(value, np.generic) else None


def _object(table: dict[str, Any]) -> Any:
    """Return the value that `_table` turned into a table."""
    name = table.pop("class", None)
    if name is None:
        return table
    if name == "datetime":
        return datetime.fromtimestamp(table["utc_s"], UTC)
    if name == "Event":
        table["mask"] = np.zeros((0, 0), np.uint8)
    if name not in CLASSES:
        raise ValueError(f"{name!r} is not a message")
    return CLASSES[name](**table)
