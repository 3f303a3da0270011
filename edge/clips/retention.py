"""Which clips make room for new ones: the old, and the oldest or least sure where there are too many.

No clock decides alone: a clip's age is counted from the newest clip, so that a recorder whose clock jumps ahead does
not find all its clips old at once.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.clips.folder import remove_clip
from birdedge.edge.clips.settings import RetentionSettings

NEWEST_S = 3600.0  # clips of the newest hour stay, whatever is set
DAY_S = 86_400.0


@dataclass(frozen=True)
class KeptClip:
    """A clip as the index lists it."""

    path: str  # in the folder; no Path for each of thousands of which a few go
    utc_s: float  # of its start
    size_bytes: int  # all its files
    score: float


class Retention:
    """Deletes clips, a few at each step, that `kept` lists, with what lies beside them, and nothing else.

    Args:
        settings: what may stay.
        folder: where the clips are; on its disk room is to stay.
        kept: the clips there are; asked at each step, so that what a step returned must have left the list.
        now_s: UTC.

    Attributes:
        last_error: why the last step ended early; None where it did not.
    """

    def __init__(
        self,
        settings: RetentionSettings,
        folder: Path,
        kept: Callable[[], Sequence[KeptClip]],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.last_error: str | None = None
        self._settings, self._folder, self._kept, self._now_s = settings, folder, kept, now_s

    def step(self, max_clips: int = 4) -> list[Path]:
        """Delete up to so many clips; return those that are gone, also where somebody else had deleted them."""
        gone: list[Path] = []
        self.last_error = None
        try:
            for clip in self._to_go(list(self._kept())):
                if len(gone) == max_clips:
                    break
                path = self._folder / clip.path
                remove_clip(path)
                gone.append(path)
        except OSError as error:
            self.last_error = f"clips cannot be deleted in {self._folder} ({error.strerror}): check the disk"
        return gone

    def _to_go(self, clips: list[KeptClip]) -> Iterator[KeptClip]:
        """One after the other, each time it is known that the one before was deleted."""
        settings = self._settings
        newest_s = min(self._now_s(), max((clip.utc_s for clip in clips), default=0.0))
        total_bytes = sum(clip.size_bytes for clip in clips)
        old_first = sorted((c for c in clips if c.utc_s < newest_s - NEWEST_S), key=lambda clip: clip.utc_s)
        oldest_s = newest_s - settings.max_age_days * DAY_S if settings.max_age_days else 0.0
        for clip in old_first:
            if clip.utc_s < oldest_s:
                total_bytes -= clip.size_bytes
                yield clip
        rest = [clip for clip in old_first if clip.utc_s >= oldest_s]
        if settings.delete_first == "lowest_score":
            rest.sort(key=lambda clip: clip.score)
        for clip in rest:
            too_many = 0 < settings.max_gb * 1e9 < total_bytes
            if not too_many and shutil.disk_usage(self._folder).free >= settings.min_free_mb * 1e6:
                return
            total_bytes -= clip.size_bytes
            yield clip
