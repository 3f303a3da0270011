"""The deletion of clips to make room for new ones: old clips, and the oldest or least certain if there are too many.

A clip has an age only if its time and the present time are known: a board without a clock of its own starts in the
past, and may jump ahead by years. The age is counted from the newest clip, not from the clock alone. Clips do not
make up for the disk space that other programs take while birdedge runs, unless the settings say so. What is missing
at a start counts as taken by birdedge: nobody knows who took it, and a full disk would end the recording of clips.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from birdedge.edge.clips.folder import is_clip_path, remove_clip
from birdedge.edge.clips.settings import RetentionSettings
from birdedge.edge.errors import OutputError

NEWEST_S = 3600.0  # clips of the newest hour are kept, whatever the settings
DAY_S = 86_400.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptClip:
    """A clip on disk, as the index lists it."""

    path: str  # relative to the folder
    size_bytes: int  # of all its files


class ClipIndex(Protocol):
    """The index of the clips on disk in the database; no query takes longer because there are more clips.

    `outdated` and `first` skip clips that a person locked.
    """

    def size_bytes(self) -> int:
        """Return the total size of all clips."""

    def newest_utc_s(self) -> float | None:
        """Return the UTC of the newest clip; None if it is not known."""

    def outdated(self, before_utc_s: float, count: int) -> Sequence[KeptClip]:
        """Return the oldest clips among those that are known to be from before a time."""

    def first(
        self, order: Literal["oldest", "lowest_score"], newest_s: float, count: int
    ) -> Sequence[KeptClip]:
        """Return the "oldest" clips, or those with the "lowest_score", but none of the newest `newest_s`."""

    def unwanted(self, count: int) -> Sequence[KeptClip]:
        """Return clips that a person deleted."""

    def deleted(self, path: str) -> None:
        """Forget a clip."""


class Retention:
    """Deletes clips with their companion files, a few at each step, and nothing else.

    Args:
        settings: The limits.
        folder: The folder of the recorder, with its clips in `clips`; space is kept free on its disk.
        index: The index of the clips.
        utc_s: Returns UTC; None while it is not known.
        free_bytes: Measures the free space on the disk of a folder.
        other_files: Other folders that the recorder writes files to, each with the pattern of their names.

    Attributes:
        problem: Why the latest step ended early; None if it did not.
        deleted: Clips deleted so far.
    """

    def __init__(
        self,
        settings: RetentionSettings,
        folder: Path,
        index: ClipIndex,
        utc_s: Callable[[], float | None],
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
        other_files: Sequence[tuple[Path, str]] = (),
    ) -> None:
        self.problem: str | None = None
        self.deleted = 0
        self._settings, self._folder, self._index = settings, folder, index
        self._utc_s, self._free_bytes = utc_s, free_bytes
        self._files = ((folder, "*"), *other_files)
        self._roomy_bytes: float | None = None  # used by birdedge when the disk last had room

    def step(self, max_clips: int = 4) -> None:
        """Delete up to `max_clips` clips; clips that somebody else deleted are only removed from the index."""
        try:
            for clip, reason in self._excess(max_clips):
                self._delete(clip, reason)
            if self.problem is not None:
                log.info("old clips are deleted again")
            self.problem = None
        except OSError as error:
            cause = error if isinstance(error, OutputError) else error.strerror
            problem = f"clips cannot be deleted in {self._folder} ({cause}): check the disk"
            if problem != self.problem:
                log.error("%s", problem)
            self.problem = problem

    def _delete(self, clip: KeptClip, reason: str) -> None:
        path = self._folder / clip.path
        if not is_clip_path(path, self._folder / "clips"):
            log.error("%s is listed as a clip but is not one of %s: it is kept", path, self._folder / "clips")
        elif remove_clip(path):
            self.deleted += 1
            log.info("deleted %s: %s", clip.path, reason)
        self._index.deleted(clip.path)

    def _excess(self, max_clips: int) -> list[tuple[KeptClip, str]]:
        """Return the clips to delete, each with the reason."""
        settings = self._settings
        unwanted = self._index.unwanted(max_clips)
        if len(unwanted) >= max_clips:
            return [(clip, "a person deleted it") for clip in unwanted]
        outdated = [clip for clip in self._outdated(max_clips) if clip not in unwanted]
        excess = [(clip, "a person deleted it") for clip in unwanted]
        excess += [(clip, f"older than max_age_days = {settings.max_age_days:g}") for clip in outdated]
        size_bytes = self._index.size_bytes()
        over_bytes = size_bytes - settings.max_gb * 1e9 if settings.max_gb else 0.0
        missing_bytes = self._missing_bytes(size_bytes)
        freed_bytes = sum(clip.size_bytes for clip, _ in excess)
        if freed_bytes >= max(over_bytes, missing_bytes) or len(excess) >= max_clips:
            return excess
        for clip in self._index.first(settings.delete_first, NEWEST_S, max_clips):
            if freed_bytes >= max(over_bytes, missing_bytes) or len(excess) >= max_clips:
                break
            if clip in outdated or clip in unwanted:
                continue
            if freed_bytes < over_bytes:
                reason = f"the clips take more than max_gb = {settings.max_gb:g}"
            else:
                reason = f"less than min_free_mb = {settings.min_free_mb:g} are free"
            excess.append((clip, reason))
            freed_bytes += clip.size_bytes
        return excess

    def _outdated(self, max_clips: int) -> Sequence[KeptClip]:
        max_age_days = self._settings.max_age_days
        now_s = self._utc_s() if max_age_days else None
        newest_s = self._index.newest_utc_s() if now_s is not None else None
        if now_s is None or newest_s is None:
            return ()
        return self._index.outdated(min(now_s, newest_s) - max(max_age_days * DAY_S, NEWEST_S), max_clips)

    def _missing_bytes(self, clip_bytes: int) -> float:
        """Return the space that clips must free: at most what birdedge has taken since the disk had enough.

        What is missing at the first step counts as taken since then.
        """
        missing_bytes = self._settings.min_free_mb * 1e6 - self._free_bytes(self._folder)
        own_bytes = clip_bytes + self._file_bytes()  # the database, tables and masks grow too
        if missing_bytes <= 0 or self._roomy_bytes is None:
            self._roomy_bytes = own_bytes - max(0.0, missing_bytes)
        if self._settings.delete_for_others:
            return missing_bytes
        return min(missing_bytes, own_bytes - self._roomy_bytes)

    def _file_bytes(self) -> int:
        """Return the size of the recorder's files on the disk, without clips; each is counted once."""
        disk = self._folder.stat().st_dev
        files = (file for file in self._file_stats() if stat.S_ISREG(file.st_mode) and file.st_dev == disk)
        return sum({file.st_ino: file.st_size for file in files}.values())

    def _file_stats(self) -> Iterator[os.stat_result]:
        for folder, pattern in self._files:
            for path in folder.glob(pattern):
                with suppress(FileNotFoundError):  # another thread deletes old masks and tables
                    yield path.stat()
