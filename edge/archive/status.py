"""The status of an archive run, from its folder alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from birdedge.edge.archive.manifest import Manifest
from birdedge.edge.archive.manifest_rows import keys_of
from birdedge.edge.archive.parts import DoneUnits, done_units, read_part
from birdedge.edge.archive.progress import duration_text, size_text
from birdedge.edge.archive.units import is_in

RECENT_S = 600.0  # over which the rate is measured


@dataclass(frozen=True)
class ArchiveStatus:
    """How many recordings of a run are done, and how fast the run is."""

    files: int
    done_files: int  # including those with errors
    error_files: int
    size_bytes: int
    done_bytes: int
    bytes_per_s: float | None  # None if nothing was done in the last minutes
    left_s: float | None  # estimated; None if nothing was done in the last minutes

    @property
    def is_complete(self) -> bool:
        """Whether all recordings are done."""
        return self.done_files == self.files

    def lines(self) -> list[str]:
        """Return the status as lines of text for a person."""
        lines = [
            f"done       {self.done_files:,} of {self.files:,} file(s), {size_text(self.done_bytes)} of "
            f"{size_text(self.size_bytes)}",
            f"errors     {self.error_files:,} file(s)",
        ]
        if self.is_complete:
            return [*lines, "left       nothing"]
        left = "no rate: nothing was completed in the last ten minutes"
        if self.bytes_per_s and self.left_s:
            left = f"{duration_text(self.left_s)} at {size_text(self.bytes_per_s)}/s"
        return [*lines, f"left       {self.files - self.done_files:,} file(s), {left}"]


def archive_status(manifest: Manifest, now_s: float | None = None) -> ArchiveStatus:
    """Return the status of a run.

    Args:
        manifest: The manifest of the run.
        now_s: The time in seconds since 1970; None for the current time.

    Raises:
        DataError: The manifest or a part cannot be read.
    """
    now_s = time.time() if now_s is None else now_s
    done = done_units(manifest.folder, with_times=True)
    since_s = now_s - RECENT_S
    is_recent = done.written_s > since_s
    done_files = done_bytes = recent_bytes = 0
    for batch in manifest.batches():
        keys, sizes = keys_of(batch), np.asarray(batch.column("bytes"))
        is_done = is_in(keys, done.keys)
        done_files += int(is_done.sum())
        done_bytes += int(sizes[is_done].sum())
        recent_bytes += int(sizes[is_in(keys, done.keys[is_recent])].sum())
    totals = manifest.totals
    rate = left_s = None
    if recent_bytes:
        first_s = max(since_s, float(done.written_s.min()))
        rate = recent_bytes / max(now_s - first_s, 1.0)
        left_s = (totals.size_bytes - done_bytes) / rate
    errors = sum(1 for _ in error_sentences(manifest, done))
    return ArchiveStatus(totals.files, done_files, errors, totals.size_bytes, done_bytes, rate, left_s)


def error_sentences(manifest: Manifest, done: DoneUnits) -> Iterator[str]:
    """Yield the error of each recording that could not be read.

    Args:
        manifest: The manifest of the run.
        done: The units that have a part.

    Raises:
        DataError: The manifest or a part cannot be read.
    """
    failed = done.keys[done.has_errors]
    chosen = (is_in(keys_of(batch), failed) for batch in manifest.batches())
    for unit in manifest.units(chosen):
        part = read_part(manifest.folder, unit.key)
        if part is not None:
            yield from (sentence for sentence in part["error"].to_pylist() if sentence is not None)
