"""The manifest of an archive run: the recordings to segment, the model and the settings.

`RUN/manifest.parquet` has a row per recording. Its metadata holds the settings. `RUN/model.onnx` is a copy of the
model, so that all machines that see the folder use the same one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from hashlib import blake2b, sha256
from itertools import chain, groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from birdedge import __version__
from birdedge.edge.archive.manifest_rows import SCHEMA, EarlierFile, rows_of, tables_of
from birdedge.edge.archive.units import BLOCK_FILES, KEY_BYTES, PlannedFile, Unit, without_repeats
from birdedge.edge.errors import DataError, SettingsError
from birdedge.edge.settings import from_table
from birdedge.edge.system.atomic_file import output_errors, replacing

MANIFEST, MODEL = "manifest.parquet", "model.onnx"
_METADATA = b"birdedge"


@dataclass(frozen=True)
class ArchiveSettings:
    """What the results of an archive run depend on, apart from the recordings."""

    model: str  # its name, for people
    model_sha256: str
    version: str = __version__  # of birdedge
    channel: int | None = None  # from 0; None for the mean of all
    min_score: float | None = None  # None for the model's own
    timezone: str | None = None  # of local times in names and metadata

    @property
    def fingerprint(self) -> str:
        """Hexadecimal digest of everything except the name of the model."""
        values = {name: value for name, value in asdict(self).items() if name != "model"}
        return blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=KEY_BYTES).hexdigest()


@dataclass(frozen=True)
class Totals:
    """The totals of a manifest."""

    files: int = 0
    units: int = 0
    size_bytes: int = 0
    earlier_files: int = 0  # how many of the files only an earlier plan listed


@dataclass(frozen=True)
class Manifest:
    """The manifest of the archive run in a folder."""

    folder: Path
    settings: ArchiveSettings
    totals: Totals

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, a few thousand at a time.

        Raises:
            DataError: The manifest cannot be read.
        """
        try:
            with pq.ParquetFile(self.folder / MANIFEST) as file:
                yield from file.iter_batches(BLOCK_FILES)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(self.folder, error) from error

    def units(self, chosen: Iterable[NDArray[np.bool_]] | None = None) -> Iterator[Unit]:
        """Yield the units of work in order.

        Args:
            chosen: For each batch of `batches()`, a mask of the rows to take; None for all rows.
        """
        rows = rows_of(self.batches(), chosen)
        for key, group in groupby(rows, lambda row: row[0]):
            yield Unit(key.hex(), tuple(file for _, file in group))


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of an archive run.

    Raises:
        DataError: The folder has none, or it cannot be read.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            f"{folder} is not an archive run: make one with birdedge archive plan SOURCE --out {folder}"
        )
    try:
        described = json.loads(pq.read_metadata(path).metadata[_METADATA])
        settings = from_table(ArchiveSettings, described["settings"], str(path))
        return Manifest(folder, settings, Totals(**described["totals"]))
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
        raise _unreadable(folder, error) from error


def write_manifest(
    folder: Path,
    settings: ArchiveSettings,
    model: bytes,
    files: Iterable[PlannedFile],
    *,
    keep_earlier: bool = True,
) -> Manifest:
    """Write a manifest and the model; a recording that is listed twice is written once.

    Args:
        folder: The folder of the run. An earlier manifest there must have the same settings.
        settings: The settings that the results depend on.
        model: Content of the model file.
        files: The recordings, in the order in which they will be read.
        keep_earlier: Whether recordings that only the earlier manifest lists stay planned, after the others.

    Raises:
        SettingsError: The folder has a run with other settings, or there are no recordings.
        OutputError: The folder cannot be written.
    """
    refuse_other_settings(folder, settings)
    with replacing(folder / MODEL) as file, output_errors(folder / MODEL):
        file.write(model)
    path, totals = folder / MANIFEST, Totals()
    planned = without_repeats(chain(files, _earlier_files(folder) if keep_earlier else ()))
    with replacing(path) as file, output_errors(path):
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            for table, earlier_files in tables_of(planned, settings.fingerprint):
                keys = table["unit"]
                totals = Totals(
                    totals.files + len(keys),
                    totals.units + sum(1 for _ in groupby(keys.to_pylist())),
                    totals.size_bytes + sum(table["bytes"].to_pylist()),
                    totals.earlier_files + earlier_files,
                )
                writer.write_table(table)
            described = {"settings": asdict(settings), "totals": asdict(totals)}
            writer.add_key_value_metadata({_METADATA.decode(): json.dumps(described)})
        if not totals.files:
            raise SettingsError("there is no recording to plan: give files, folders or URLs that hold audio")
    return Manifest(folder, settings, totals)


def refuse_other_settings(folder: Path, settings: ArchiveSettings) -> None:
    """Raise an error if a folder has a run with other settings or another model.

    Raises:
        SettingsError: The settings or the model differ.
        DataError: Its manifest cannot be read.
    """
    if not (folder / MANIFEST).exists():
        return
    earlier = read_manifest(folder).settings
    if earlier.fingerprint != settings.fingerprint:
        before, now = asdict(earlier), asdict(settings)
        changed = [
            f"{name} {before[name]} and not {now[name]}"
            for name in now
            if before[name] != now[name] and name != "model"
        ]
        raise SettingsError(f"{folder} was planned with {', '.join(changed)}: give another folder for --out")


def check_version(settings: ArchiveSettings) -> None:
    """Raise an error if a run was planned by another version of birdedge, which could give other results.

    Raises:
        SettingsError: The version differs.
    """
    if settings.version != __version__:
        raise SettingsError(
            f"the run was planned by birdedge {settings.version}, and this is {__version__}: install that version, "
            "or plan into another folder"
        )


def read_model(folder: Path, settings: ArchiveSettings) -> Path:
    """Return the path of the model of a run.

    Raises:
        DataError: It is missing, or is not the one that was planned.
    """
    path = folder / MODEL
    try:
        is_same = sha256(path.read_bytes()).hexdigest() == settings.model_sha256
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}): run birdedge archive plan again"
        ) from error
    if not is_same:
        raise DataError(
            f"{path} is not the model {settings.model} that the run was planned with: run birdedge archive plan again"
        )
    return path


def _earlier_files(folder: Path) -> Iterator[PlannedFile]:
    if (folder / MANIFEST).exists():
        for _, file in rows_of(read_manifest(folder).batches()):
            yield EarlierFile(file.path, file.site, file.size_bytes, file.modified)


def _unreadable(folder: Path, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0]
    return DataError(
        f"{folder / MANIFEST} cannot be read ({reason}): delete it, and run birdedge archive plan again"
    )
