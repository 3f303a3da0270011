"""A forecast of how long the disk of a recorder lasts, from what was written to it recently."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.database.connection import reading
from birdedge.edge.database.history_queries import growth
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.formats.tables import FORMATS

DAY_S = 86_400.0
LATELY_S = 7 * DAY_S
MIN_KNOWN_S = DAY_S  # day and night differ, so that less gives no forecast


@dataclass(frozen=True)
class DiskForecast:
    """What is written per day, and how long there is room for it.

    The three rates are None if less than a day is known.
    """

    free_bytes: int
    total_bytes: int
    known_s: float  # length of the period over which the rates were measured
    clip_bytes_per_day: float | None
    table_bytes_per_day: float | None
    database_bytes_per_day: float | None

    @property
    def bytes_per_day(self) -> float | None:
        """Total rate; None while it is unknown."""
        rates = (self.clip_bytes_per_day, self.table_bytes_per_day, self.database_bytes_per_day)
        known = [rate for rate in rates if rate is not None]
        return sum(known) if len(known) == len(rates) else None

    @property
    def days_left(self) -> float | None:
        """Days until the disk is full if nothing is deleted; None if this is unknown or nothing grows."""
        return self.free_bytes / self.bytes_per_day if self.bytes_per_day else None


def disk_forecast(folder: Path, now_utc_s: float) -> DiskForecast:
    """Return the forecast for the disk of a recorder.

    Raises:
        StoreError: no recorder has written there.
        DiskError: the database cannot be read.
    """
    since_s = now_utc_s - LATELY_S
    with reading(folder) as db:
        grown = growth(db, since_s)
    disk = os.statvfs(folder)
    first_s = now_utc_s if grown.first_heard_utc_s is None else grown.first_heard_utc_s
    known_s = min(LATELY_S, now_utc_s - first_s)
    # Clips from before the oldest one were deleted, or there were none.
    clips_s = known_s if grown.first_clip_utc_s is None else min(known_s, now_utc_s - grown.first_clip_utc_s)
    all_s = now_utc_s - first_s
    return DiskForecast(
        disk.f_bavail * disk.f_frsize,
        disk.f_blocks * disk.f_frsize,
        known_s,
        _per_day(grown.clip_bytes, clips_s),
        _per_day(_table_bytes(folder, since_s), known_s),
        _per_day((folder / FILE_NAME).stat().st_size, all_s),
    )


def _per_day(size_bytes: int, seconds: float) -> float | None:
    return size_bytes * DAY_S / seconds if seconds >= MIN_KNOWN_S else None


def _table_bytes(folder: Path, since_utc_s: float) -> int:
    """Return the bytes of the tables that were written to since a time."""
    suffixes = tuple(table.suffix for table in FORMATS.values())
    with os.scandir(folder) as entries:
        found = [entry.stat() for entry in entries if entry.name.endswith(suffixes)]
    return sum(stat.st_size for stat in found if stat.st_mtime >= since_utc_s)
