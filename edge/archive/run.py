"""Run the units of an archive that are not done, in this process or in several."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.archive.manifest import Manifest
from birdedge.edge.archive.manifest_rows import keys_of
from birdedge.edge.archive.parts import DoneUnits, RecordingRow, rows_without_errors
from birdedge.edge.archive.pool import in_processes, killed_twice
from birdedge.edge.archive.units import KEY_BYTES, Unit, is_in
from birdedge.edge.archive.worker import UnitCounts, do_unit, failed, open_run, segment_planned, write_rows
from birdedge.edge.errors import SettingsError


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of an archive, by the keys of its units.

    Raises:
        SettingsError: The number is not in 1 to `count`.
    """

    number: int = 1  # from 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise SettingsError(f"--shard is {self.number}/{self.count}; give 1/N to N/N")

    @classmethod
    def from_text(cls, text: str) -> Shard:
        """Return the shard of a text such as `1/50`.

        Raises:
            SettingsError: The text is not a shard.
        """
        number, _, count = text.partition("/")
        try:
            numbers = int(number), int(count)
        except ValueError as error:
            raise SettingsError(f"--shard is {text!r}; give I/N, such as 1/50") from error
        return cls(*numbers)

    def holds(self, keys: NDArray[np.bytes_]) -> NDArray[np.bool_]:
        """Return a mask of the keys whose units are in the shard."""
        first = np.ascontiguousarray(keys).view(">u8").reshape(len(keys), KEY_BYTES // 8)[:, 0]
        held: NDArray[np.bool_] = first % self.count == self.number - 1
        return held


ALL = Shard()


@dataclass(frozen=True)
class Work:
    """The rows of a manifest to do, with the number and size of their files."""

    manifest: Manifest
    rows: tuple[NDArray[np.bool_], ...]  # a mask for each batch of the manifest
    files: int
    size_bytes: int

    def units(self) -> Iterator[Unit]:
        """Yield the units to do, in the order of the manifest."""
        return self.manifest.units(self.rows)


def work_of(manifest: Manifest, done: DoneUnits, shard: Shard = ALL, retry_errors: bool = False) -> Work:
    """Return the work that is not done.

    Args:
        manifest: The manifest of the run.
        done: The units that have a part.
        shard: Which units may be done here.
        retry_errors: Also redo the units with errors.
    """
    finished = done.keys[~done.has_errors] if retry_errors else done.keys
    rows, files, size_bytes = [], 0, 0
    for batch in manifest.batches():
        keys = keys_of(batch)
        chosen = shard.holds(keys) & ~is_in(keys, finished)
        rows.append(chosen)
        files += int(chosen.sum())
        size_bytes += int(np.asarray(batch.column("bytes"))[chosen].sum())
    return Work(manifest, tuple(rows), files, size_bytes)


def run_here(work: Work, jobs: int) -> Generator[UnitCounts, None, None]:
    """Do the units in this process, or in several, and yield the counts of each as it is completed.

    If a unit's process is killed twice, its recordings are tried one by one, each in its own process.

    Raises:
        ModelError: The model cannot be used.
        OutputError: A part cannot be written, and neither could any later one; parts already written are kept.
    """
    run, fingerprint = work.manifest.folder, work.manifest.settings.fingerprint
    open_run(run, fingerprint)  # so that a wrong model is one error, not one per process
    if jobs == 1:
        yield from (do_unit(run, fingerprint, unit) for unit in work.units())
        return
    start = partial(open_run, run, fingerprint)
    with closing(in_processes(start, partial(do_unit, run, fingerprint), work.units(), jobs)) as results:
        for unit, counts in results:
            yield counts or _one_by_one(work.manifest, unit)


def _one_by_one(manifest: Manifest, unit: Unit) -> UnitCounts:
    run, fingerprint = manifest.folder, manifest.settings.fingerprint
    start, work = partial(open_run, run, fingerprint), partial(segment_planned, run, fingerprint)
    rows: dict[str, RecordingRow | None] = {**rows_without_errors(run, unit.key)}
    unread = [file for file in unit.files if file.name not in rows]
    if len(unread) > 1:
        with closing(in_processes(start, work, unread, 1)) as results:
            rows |= {file.name: row for file, row in results}
    return write_rows(
        run,
        fingerprint,
        unit,
        [
            rows.get(file.name) or failed(file, killed_twice(file.path), manifest.settings)
            for file in unit.files
        ],
    )
