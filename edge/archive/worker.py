"""What a worker does with a unit of an archive run: segment its recordings and write their part."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from birdedge.edge.archive.listing import is_url
from birdedge.edge.archive.manifest import ArchiveSettings, check_version, read_manifest, read_model
from birdedge.edge.archive.parts import RecordingRow, rows_without_errors, write_part
from birdedge.edge.archive.scratch import local_copy
from birdedge.edge.archive.segment import segment_or_report
from birdedge.edge.archive.units import PlannedFile, Unit
from birdedge.edge.errors import AudioError, BirdedgeError, DataError
from birdedge.edge.formats.start_time import StartTime
from birdedge.edge.models.model import Model
from birdedge.edge.sinks.recording import OutputSettings
from birdedge.edge.system.printable import valid_unicode


@dataclass(frozen=True)
class UnitCounts:
    """The counts and messages of a unit; its events are only in its part."""

    files: int
    events: int
    heard_s: float
    size_bytes: int
    errors: tuple[str, ...]  # one for each recording that could not be read
    warnings: tuple[str, ...]


def open_run(run: Path, fingerprint: str) -> Model:
    """Open the model of a run, once per process.

    Args:
        run: The folder of the run.
        fingerprint: The fingerprint of the run as the caller sees it.

    Raises:
        DataError: The folder holds another run here, or its manifest or model cannot be read.
        SettingsError: The run was planned by another version of birdedge.
        ModelError: The model cannot be used.
    """
    return _opened(run, fingerprint)[0]


@lru_cache(maxsize=1)
def _opened(run: Path, fingerprint: str) -> tuple[Model, ArchiveSettings]:
    settings = read_manifest(run).settings
    check_version(settings)
    if settings.fingerprint != fingerprint:
        raise DataError(
            f"{run} holds another run here than on the machine that started it: give a folder that all machines share"
        )
    model = Model(read_model(run, settings))
    model.set_min_score(settings.min_score)
    return model, settings


def do_unit(run: Path, fingerprint: str, unit: Unit) -> UnitCounts:
    """Segment the recordings of a unit that no earlier attempt could read, and write its part.

    Raises:
        OutputError: The part, or a copy of an object, cannot be written, and neither could any later one.
    """
    earlier = rows_without_errors(run, unit.key)
    rows = [earlier.get(file.name) or segment_planned(run, fingerprint, file) for file in unit.files]
    return write_rows(run, fingerprint, unit, rows)


def write_rows(run: Path, fingerprint: str, unit: Unit, rows: list[RecordingRow]) -> UnitCounts:
    """Write the part of a unit from the rows of its recordings.

    Raises:
        OutputError: It cannot be written.
    """
    write_part(run, unit.key, rows, fingerprint)
    return UnitCounts(
        len(rows),
        sum(len(row.events) for row in rows),
        sum(row.heard_s for row in rows),
        unit.size_bytes,
        tuple(row.error for row in rows if row.error is not None),
        tuple(warning for row in rows for warning in row.warnings),
    )


def segment_planned(run: Path, fingerprint: str, file: PlannedFile) -> RecordingRow:
    """Segment one recording; one that cannot be read, or has changed since it was planned, is an error in its row.

    Raises:
        OutputError: The copy of an object cannot be written.
    """
    model, settings = _opened(run, fingerprint)
    try:
        with local_copy(file) if is_url(file.path) else nullcontext(Path(file.path)) as path:
            start_time = StartTime(timezone=settings.timezone)
            result = segment_or_report(
                model, path, path.stem, OutputSettings(), settings.channel, lambda _: None, start_time
            )
            if result.error is None and not is_url(file.path) and not _is_as_planned(file):
                return failed(file, f"{file.path} has changed since it was planned: plan again", settings)
    except AudioError as error:
        return failed(file, str(error), settings)
    except BirdedgeError:
        raise
    except Exception as error:  # a defect in one recording must not end a run of 700,000
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        return failed(file, f"{file.path} could not be analysed ({reason}): report this defect", settings)
    if result.error is not None:
        return failed(file, result.error.replace(str(path), file.path), settings)
    warnings = tuple(valid_unicode(warning.replace(str(path), file.path)) for warning in result.warnings)
    return RecordingRow(
        file.name,
        result.start_utc_s,
        result.duration_s,
        result.silent_s,
        warnings=warnings,
        events=result.events,
    )


def failed(file: PlannedFile, error: str, settings: ArchiveSettings) -> RecordingRow:
    """Return the row of a recording that has no events, with the sentence that says why."""
    start_utc_s = StartTime(timezone=settings.timezone).utc_s(Path(file.path))
    return RecordingRow(file.name, start_utc_s, error=valid_unicode(error))


def _is_as_planned(file: PlannedFile) -> bool:
    try:
        status = os.stat(file.path)  # noqa: PTH116
    except OSError:
        return False
    return (status.st_size, str(status.st_mtime_ns)) == (file.size_bytes, file.modified)
