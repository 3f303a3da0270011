"""Which clips make room for new ones: old ones, and the oldest or least certain where there are too many.

The age of a clip is counted from the newest clip, not from the clock alone, so that a recorder whose clock jumps
ahead does not find all its clips old at once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from birdedge.edge.clips.folder import remove_clip
from birdedge.edge.clips.settings import RetentionSettings
from birdedge.edge.errors import OutputError

NEWEST_S = 3600.0  # clips of the newest hour stay, whatever is set
DAY_S = 86_400.0


@dataclass(frozen=True)
class KeptClip:
    """A clip on disk, as the index lists it."""

    path: str  # relative to the folder
    utc_s: float  # of its first sample
    size_bytes: int  # of all its files
    score: float


class ClipIndex(Protocol):
    """What the database knows of the clips on disk."""

    def totals(self) -> tuple[int, float]:
        """Return the bytes of all clips together, and the UTC of the newest."""

    def first(
        self, order: Literal["oldest", "lowest_score"], before_utc_s: float, count: int
    ) -> Sequence[KeptClip]:
        """Return the first clips before a time: the "oldest", or those with the "lowest_score"."""


class Retention:
    """Deletes clips, a few at each step, with the files next to them, and nothing else.

    Args:
        settings: what may stay.
        folder: where the clips are; room is kept on its disk.
        index: of the clips; what a step returned must have left it before the next step.
        utc_s: reads UTC.
        free_bytes: measures the room on the disk of a folder.

    Attributes:
        problem: why the latest step ended early; None if it did not.
        deleted: clips deleted so far.
    """

    def __init__(
        self,
        settings: RetentionSettings,
        folder: Path,
        index: ClipIndex,
        utc_s: Callable[[], float] = time.time,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self.problem: str | None = None
        self.deleted = 0
        self._settings, self._folder, self._index = settings, folder, index
        self._utc_s, self._free_bytes = utc_s, free_bytes

    def step(self, max_clips: int = 4) -> list[Path]:
        """Delete up to `max_clips` clips; return those that are gone, also where somebody else had deleted them."""
        gone: list[Path] = []
        try:
            for clip in self._excess(max_clips):
                path = self._folder / clip.path
                remove_clip(path)
                gone.append(path)
            self.problem = None
        except OSError as error:
            reason = error if isinstance(error, OutputError) else error.strerror
            self.problem = f"clips cannot be deleted in {self._folder} ({reason}): check the disk"
        self.deleted += len(gone)
        return gone

    def _excess(self, max_clips: int) -> list[KeptClip]:
        settings = self._settings
        total_bytes, newest_s = self._index.totals()
        newest_s = min(self._utc_s(), newest_s)
        excess: list[KeptClip] = []
        if settings.max_age_days:
            oldest_s = newest_s - max(settings.max_age_days * DAY_S, NEWEST_S)
            excess += self._index.first("oldest", oldest_s, max_clips)
        to_free_bytes = max(
            settings.min_free_mb * 1e6 - self._free_bytes(self._folder),
            total_bytes - settings.max_gb * 1e9 if settings.max_gb else 0.0,
        ) - sum(clip.size_bytes for clip in excess)
        if to_free_bytes <= 0 or len(excess) >= max_clips:
            return excess[:max_clips]
        old = {clip.path for clip in excess}
        for clip in self._index.first(settings.delete_first, newest_s - NEWEST_S, max_clips):
            if to_free_bytes <= 0 or len(excess) >= max_clips:
                break
            if clip.path not in old:
                excess.append(clip)
                to_free_bytes -= clip.size_bytes
        return excess
