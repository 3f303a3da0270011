"""The results of an archive run: one Parquet file per unit of work, which appears when it is complete.

`RUN/parts/ab/KEY.parquet` has a row per recording, with its events in it. If a recording of the unit could not be read,
the part is `KEY.errors.parquet`, until a later attempt reads all recordings.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from birdedge.edge.archive.event_buffer import EventBuffer
from birdedge.edge.archive.units import KEY_BYTES, Keys
from birdedge.edge.errors import DataError
from birdedge.edge.event import Event
from birdedge.edge.mask import NO_MASK
from birdedge.edge.system.atomic_file import output_errors, remove_unfinished, replacing

PARTS = "parts"
ERRORS = ".errors.parquet"
DONE = ".parquet"
MAX_WRITE_S = 3600.0  # an older unfinished file was left behind by a killed process
TIMESTAMP = pa.timestamp("us", "UTC")
EVENT_FIELDS = {
    **dict.fromkeys(("onset_s", "offset_s"), pa.float64()),
    **dict.fromkeys(("low_hz", "high_hz", "peak_hz", "score", "area_hz_s", "snr_db"), pa.float32()),
}
SCHEMA = pa.schema(
    [
        pa.field("recording", pa.string(), nullable=False),
        pa.field("recording_start", TIMESTAMP),
        pa.field("heard_s", pa.float64(), nullable=False),
        pa.field("silent_s", pa.float64(), nullable=False),
        pa.field("error", pa.string()),
        pa.field("warnings", pa.list_(pa.string()), nullable=False),
        pa.field("events", pa.list_(pa.struct(EVENT_FIELDS)), nullable=False),
    ]
)


@dataclass(frozen=True, eq=False)
class RecordingRow:
    """The result of one recording."""

    recording: str
    start_utc_s: float | None = None
    heard_s: float = 0.0
    silent_s: float = 0.0
    error: str | None = None
    warnings: tuple[str, ...] = ()
    events: EventBuffer | Sequence[Event] = ()


@dataclass(frozen=True, eq=False)
class DoneUnits:
    """The units that have a part, sorted by their keys."""

    keys: Keys
    has_errors: NDArray[np.bool_]
    written_s: NDArray[np.float64]  # seconds since 1970; empty without `with_times`


def write_part(run: Path, key: str, rows: Sequence[RecordingRow], fingerprint: str) -> None:
    """Write the part of a unit; if it has no errors, delete the part of an earlier attempt with errors.

    Raises:
        DiskError: The disk failed or is full.
        OutputError: The folder cannot be written.
    """
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for row in rows:
        start_us = None if row.start_utc_s is None else round(row.start_utc_s * 1e6)
        events = [{name: float(getattr(event, name)) for name in EVENT_FIELDS} for event in row.events]
        values = (row.recording, start_us, row.heard_s, row.silent_s, row.error, row.warnings, events)
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    schema = SCHEMA.with_metadata({"birdedge_fingerprint": fingerprint})
    content = io.BytesIO()
    pq.write_table(pa.table(columns, schema), content, compression="zstd")
    done, errors = part_paths(run, key)
    has_errors = any(row.error is not None for row in rows)
    path = errors if has_errors else done
    with replacing(path) as file, output_errors(path):
        file.write(content.getbuffer())
    if not has_errors:
        with suppress(FileNotFoundError), output_errors(errors):
            errors.unlink(missing_ok=True)


def read_part(run: Path, key: str) -> pa.Table | None:
    """Return the part of a unit, preferably the one without errors; None if the unit has no part.

    Raises:
        DataError: It cannot be read.
    """
    for path in part_paths(run, key):
        try:
            return pq.read_table(path, schema=SCHEMA, partitioning=None)
        except FileNotFoundError:
            continue
        except (OSError, pa.ArrowException) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(
                f"{path} cannot be read ({reason}): delete it, and run birdedge archive run again"
            ) from error
    return None


def rows_without_errors(run: Path, key: str) -> dict[str, RecordingRow]:
    """Return the rows of a unit whose recordings an earlier attempt could read, by recording.

    There are none if the part is missing or cannot be read.
    """
    try:
        part = read_part(run, key)
    except DataError:
        part = None
    rows = [] if part is None else part.to_pylist()
    return {row["recording"]: _row(row) for row in rows if row["error"] is None}


def _row(values: Mapping[str, Any]) -> RecordingRow:
    start = values["recording_start"]
    return RecordingRow(
        values["recording"],
        None if start is None else start.timestamp(),
        values["heard_s"],
        values["silent_s"],
        warnings=tuple(values["warnings"]),
        events=EventBuffer(map(event_of, values["events"])),
    )


def event_of(values: Mapping[str, Any]) -> Event:
    """Return an event from its values in a row of a part."""
    return Event(**{name: values[name] for name in EVENT_FIELDS}, first_frame=0, first_bin=0, mask=NO_MASK)


def part_paths(run: Path, key: str) -> tuple[Path, Path]:
    """Return the path of the part of a unit without errors, and the path of the part with errors."""
    folder = run / PARTS / key[:2]
    return folder / f"{key}{DONE}", folder / f"{key}{ERRORS}"


def done_units(run: Path, with_times: bool = False) -> DoneUnits:
    """Return the units that have a part, and delete the files that killed processes left unfinished.

    Args:
        run: The folder of the run.
        with_times: Also return when each was written, which takes longer.

    Raises:
        OutputError: The folder cannot be read.
    """
    keys, has_errors, written_s = bytearray(), bytearray(), list[NDArray[np.float64]]()
    with output_errors(run / PARTS):
        for folder in _folders(run / PARTS):
            times = list[float]()
            for entry in _entries(folder):
                stem, _, suffix = entry.name.partition(".")
                with suppress(ValueError):
                    key = bytes.fromhex(stem)
                    if len(key) == KEY_BYTES and f".{suffix}" in (DONE, ERRORS):
                        keys += key
                        has_errors.append(f".{suffix}" == ERRORS)
                        if with_times:
                            times.append(entry.stat().st_mtime)
            written_s.append(np.array(times))
    found = np.frombuffer(bytes(keys), f"S{KEY_BYTES}")
    failed = np.frombuffer(bytes(has_errors), bool)
    # A unit that has both parts is done: the process was killed before it deleted the other one.
    order = np.lexsort((failed, found))
    first = np.ones(len(found), bool)
    first[1:] = found[order][1:] != found[order][:-1]
    order = order[first]
    times_s = np.concatenate(written_s)[order] if with_times and written_s else np.empty(0)
    return DoneUnits(found[order], failed[order], times_s)


def _folders(parts: Path) -> list[Path]:
    try:
        with os.scandir(parts) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir())
    except FileNotFoundError:
        return []


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    has_unfinished = False
    with os.scandir(folder) as entries:
        for entry in entries:
            has_unfinished |= entry.name.startswith(".")
            yield entry
    if has_unfinished:
        with suppress(OSError):  # a run may be on a disk that is only read
            remove_unfinished(folder, time.time() - MAX_WRITE_S)
