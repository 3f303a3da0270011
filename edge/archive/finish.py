"""Make the tables of an archive run from its parts."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.archive.coverage import CoverageTable
from birdedge.edge.archive.event_dataset import EventDataset
from birdedge.edge.archive.manifest import Manifest
from birdedge.edge.archive.parts import event_of, read_part
from birdedge.edge.archive.status import archive_status
from birdedge.edge.errors import DataError
from birdedge.edge.formats.raven import Recording
from birdedge.edge.sinks.table_file import combined_raven
from birdedge.edge.system.atomic_file import make_folder, output_errors, sync_folder
from birdedge.edge.system.folder_lock import FolderLock

EVENTS, COVERAGE, RAVEN = "events", "coverage.parquet", "all.selections.txt"
_LOCK, _UNFINISHED = "finish.lock", ".birdedge-finish-"


@dataclass
class FinishedCounts:
    """The totals of the tables."""

    files: int = 0
    failed: int = 0
    events: int = 0
    heard_s: float = 0.0


def finish(manifest: Manifest, partial: bool = False, raven: bool = True) -> FinishedCounts:
    """Write `events/`, `coverage.parquet` and `all.selections.txt`; they replace earlier ones once they are complete.

    Args:
        manifest: The manifest of the run.
        partial: Whether to write the tables although the run is not complete.
        raven: Whether to write the Raven table.

    Raises:
        DataError: The run is not complete, or a part cannot be read.
        OutputError: The tables cannot be written, or another process is writing them.
    """
    run, status = manifest.folder, archive_status(manifest)
    if not (partial or status.is_complete):
        raise DataError(
            f"{run} is not complete: {status.files - status.done_files} of {status.files} recording(s) are left; "
            f"finish them with birdedge archive run {run}, or give --partial"
        )
    lock = FolderLock(run, _LOCK)
    try:
        with output_errors(run):
            for left in run.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left)
        folder = run / f"{_UNFINISHED}{secrets.token_hex(4)}"
        try:
            counts = _write(manifest, folder, raven)
            _publish(folder, run)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
    return counts


def _write(manifest: Manifest, folder: Path, raven: bool) -> FinishedCounts:
    settings, counts = manifest.settings, FinishedCounts()
    metadata = {
        "birdedge_fingerprint": settings.fingerprint,
        "birdedge_version": settings.version,
        "model": settings.model,
        "model_sha256": settings.model_sha256,
    }
    with output_errors(folder):
        make_folder(folder / EVENTS)
    events, coverage = EventDataset(folder / EVENTS, metadata), CoverageTable(folder / COVERAGE, metadata)
    readable = _recordings(manifest, events, coverage, counts)
    if raven:
        combined_raven(folder / RAVEN, readable, "replace", settings.channel)
    for _ in readable:  # without a Raven table, which would have taken them all
        pass
    events.close()
    coverage.close()
    return counts


def _recordings(
    manifest: Manifest, events: EventDataset, coverage: CoverageTable, counts: FinishedCounts
) -> Iterator[Recording]:
    """Yield the recordings that could be read, for a Raven table, and add all to the other tables."""
    for unit in manifest.units():
        part = read_part(manifest.folder, unit.key)
        if part is None:
            continue
        sites = [file.site for file in unit.files]
        events.add(part, sites)
        for row, site in zip(part.to_pylist(), sites, strict=True):
            coverage.add(row, site)
            counts.files += 1
            counts.failed += row["error"] is not None
            counts.events += len(row["events"])
            counts.heard_s += row["heard_s"]
            if row["error"] is None:
                start = row["recording_start"]
                yield (
                    row["recording"],
                    row["heard_s"],
                    map(event_of, row["events"]),
                    None if start is None else start.timestamp(),
                )


def _publish(folder: Path, run: Path) -> None:
    """Move the tables into place, and delete one that is no longer written, such as the Raven table."""
    with output_errors(run):
        for path in folder.rglob("*"):  # otherwise a power cut can leave the names with empty files
            sync_folder(path)
        for name in (EVENTS, COVERAGE, RAVEN):
            with suppress(FileNotFoundError):
                (run / name).rename(folder / f"old-{name}")
            with suppress(FileNotFoundError):
                (folder / name).rename(run / name)
