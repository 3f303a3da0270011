"""The thread that writes clips, so that listening never waits for the disk."""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from birdedge.edge.clips.clip import Clip, CutClip
from birdedge.edge.clips.file import write_clip
from birdedge.edge.clips.folder import remove_unfinished
from birdedge.edge.clips.settings import MAX_WAITING, ClipSettings

NICENESS = 10
TIDY_S = 60.0

log = logging.getLogger(__name__)


class ClipWriter:
    """Writes clips one after another, from several streams if necessary. Nothing else writes to the folder.

    If a clip cannot be written, the next one is tried, so that a disk that recovers is used again.

    Args:
        folder: The folder of the clips, created if necessary.
        settings: How the clips are written.
        on_written: Called with each clip that is on disk, in the thread of the writer.
        fields: GUANO fields that all clips share, such as `Loc Position`.
        tidy: Called in the thread of the writer after each clip and once per minute, such as `Retention.step`.

    Attributes:
        written: Clips on disk.
        dropped: Clips dropped because too many waited for the disk.
        failed: Clips that could not be written.
    """

    def __init__(
        self,
        folder: Path,
        settings: ClipSettings,
        on_written: Callable[[Clip], None],
        fields: Mapping[str, str] | None = None,
        tidy: Callable[[], object] = lambda: None,
    ) -> None:
        self.written = self.dropped = self.failed = 0
        self._write_problem: str | None = None
        self._tidy_problem: str | None = None
        self._folder, self._settings, self._fields = folder, settings, fields or {}
        self._on_written, self._tidy = on_written, tidy
        self._waiting: queue.Queue[CutClip | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str | None:
        """Why the latest clip could not be written, or the folder could not be tidied; None if both could."""
        return self._write_problem or self._tidy_problem

    def put(self, clip: CutClip) -> None:
        """Queue a clip; return at once."""
        try:
            self._waiting.put_nowait(clip)
        except queue.Full:
            self.dropped += 1

    def close(self, timeout_s: float = 30.0) -> None:
        """Wait until all clips are written, but no longer than the timeout: a disk may hang."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        with suppress(OSError, AttributeError):
            # On Linux this applies to the thread alone: encoding gives way to listening.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        with suppress(OSError):
            remove_unfinished(self._folder)
        while (cut := self._next()) is not None:
            try:
                clip = write_clip(cut, self._folder, self._settings, self._fields)
                if self._write_problem is not None:
                    log.info("clips are written again")
                # Counted last: a thread that sees a new count finds the problem that belongs to it.
                self._write_problem = None
                self.written += 1
                self._on_written(clip)
            except Exception as error:  # whatever it was, the next clip is tried
                self._write_problem = _logged(f"a clip was not written: {error}", self._write_problem)
                self.failed += 1
            del cut  # megabytes, which would otherwise be held until the next one

    def _next(self) -> CutClip | None:
        while True:
            try:
                self._tidy()
                self._tidy_problem = None
            except Exception as error:  # clips are still written
                problem = f"the folder of clips was not tidied: {error}"
                self._tidy_problem = _logged(problem, self._tidy_problem)
            with suppress(queue.Empty):
                return self._waiting.get(timeout=TIDY_S)


def _logged(problem: str, earlier: str | None) -> str:
    """Log a problem unless it was the earlier one too; return it."""
    if problem != earlier:
        log.error("%s", problem)
    return problem
