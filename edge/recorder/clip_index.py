"""The clips on disk and their rows in the database: the queries of retention, and rows for clips that lack one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

from birdedge.edge.clips.clip import Clip
from birdedge.edge.clips.fields import read_clip
from birdedge.edge.clips.folder import clips_in
from birdedge.edge.clips.retention import KeptClip
from birdedge.edge.database import clip_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.database.labels import marked_clips
from birdedge.edge.messages import ClipDeleted, ClipFound, ClipWritten, Message

CHECKED_AT_ONCE = 500  # clips on disk that are looked up together

log = logging.getLogger(__name__)


class DatabaseClipIndex:
    """Reads the rows of clips, and submits new ones.

    Args:
        folder: the folder of the database; clips lie in its subfolder `clips`.
        submit: passes a message to the database.
    """

    def __init__(self, folder: Path, submit: Callable[[Message], None]) -> None:
        self._folder, self._submit = folder, submit
        # birdedge names its clips in ASCII, and SQLite cannot store a name that is not UTF-8.
        self._unchecked: Iterator[Path] = filter(_is_named_in_utf8, clips_in(folder / "clips"))
        self._next: list[Path] = []  # kept until the database can be read

    def size_bytes(self) -> int:
        """See `ClipIndex`."""
        with reading(self._folder) as db:
            return clip_queries.clip_bytes(db)

    def newest_utc_s(self) -> float | None:
        """See `ClipIndex`."""
        with reading(self._folder) as db:
            return clip_queries.newest_clip_utc_s(db)

    def outdated(self, before_utc_s: float, count: int) -> Sequence[KeptClip]:
        """See `ClipIndex`."""
        locked = marked_clips(self._folder, "locked")
        with reading(self._folder) as db:
            return [KeptClip(*row) for row in clip_queries.outdated_clips(db, before_utc_s, count, locked)]

    def first(
        self, order: Literal["oldest", "lowest_score"], newest_s: float, count: int
    ) -> Sequence[KeptClip]:
        """See `ClipIndex`."""
        locked = marked_clips(self._folder, "locked")
        with reading(self._folder) as db:
            return [KeptClip(*row) for row in clip_queries.first_clips(db, order, newest_s, count, locked)]

    def unwanted(self, count: int) -> Sequence[KeptClip]:
        """See `ClipIndex`."""
        if not (paths := marked_clips(self._folder, "deleted")):
            return ()
        with reading(self._folder) as db:
            return [KeptClip(*row) for row in clip_queries.clips_at(db, paths, count)]

    def written(self, clip: Clip) -> None:
        """Add the row of a new clip."""
        if clip.stamp is not None:
            path = self._relative(clip.path)
            self._submit(ClipWritten(path, clip.stamp, clip.samples, clip.size_bytes, clip.score))

    def deleted(self, path: str) -> None:
        """See `ClipIndex`."""
        self._submit(ClipDeleted(path))

    def add_missing(self) -> None:
        """Check the next clips on disk, and add a row for each one that lacks it.

        A row is missing if power was lost between the clip and its row, or if the database was lost.
        """
        self._next = self._next or list(islice(self._unchecked, CHECKED_AT_ONCE))
        if not self._next:
            return
        with reading(self._folder) as db:
            missing = [path for path in self._next if not clip_queries.has_clip(db, self._relative(path))]
        self._next = []
        for clip in filter(None, map(read_clip, missing)):
            self._submit(
                ClipFound(
                    self._relative(clip.path),
                    clip.utc,
                    clip.sample_rate_hz,
                    clip.first_sample,
                    clip.samples,
                    clip.size_bytes,
                    clip.score,
                )
            )
            log.info("%s had no row in the database; it has one now", clip.path)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()


def _is_named_in_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
