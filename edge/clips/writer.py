"""The thread that puts clips on disk, so that nobody who listens waits for one."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from birdedge.edge.clips.clip import Clip, CutClip
from birdedge.edge.clips.file import write_clip
from birdedge.edge.clips.folder import remove_unfinished
from birdedge.edge.clips.settings import ClipSettings
from birdedge.edge.errors import OutputError

MAX_WAITING = 4  # clips in memory: a minute of 48 kHz is 6 MB
NICENESS = 10
TIDY_S = 60.0


class ClipWriter:
    """Writes clips one after another; of several streams, if need be. The folder belongs to it alone.

    A clip that cannot be written is given up and the next one tried, so that a disk which is well again is used again.

    Args:
        folder: where clips go, made if need be.
        settings: how they are written.
        tell: is told of each clip when it lies on disk, in the writer's own thread.
        fields: GUANO fields that all clips have besides their own, such as `Loc Position`.
        tidy: is called in the writer's own thread after each clip and once a minute, such as `Retention.step`.

    Attributes:
        written: clips that lie on disk.
        dropped: clips given up because too many were waiting for the disk.
        failed: clips that could not be written, or were written and could not be told.
        last_error: the sentence of the last failure, of a clip or of `tidy`; None where there was none.
        paused: the sentence while the disk takes no clips (full, read-only); None while it does.
    """

    def __init__(
        self,
        folder: Path,
        settings: ClipSettings,
        tell: Callable[[Clip], None],
        fields: Mapping[str, str] | None = None,
        tidy: Callable[[], object] = lambda: None,
    ) -> None:
        self.written = self.dropped = self.failed = 0
        self.last_error: str | None = None
        self.paused: str | None = None
        self._folder, self._settings, self._fields = folder, settings, fields or {}
        self._tell, self._tidy = tell, tidy
        self._waiting: queue.Queue[CutClip | None] = queue.Queue(MAX_WAITING)
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
        self._thread.start()

    def put(self, clip: CutClip) -> None:
        """Have a clip written soon; returns at once."""
        try:
            self._waiting.put_nowait(clip)
        except queue.Full:
            self.dropped += 1

    def close(self, timeout_s: float = 30.0) -> None:
        """Wait until all clips are written, though not longer than the timeout: a disk may hang."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        with suppress(OSError, AttributeError):
            # On Linux this is the thread's alone: encoding gives way to listening.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        with suppress(OSError):
            remove_unfinished(self._folder)
        while (cut := self._next()) is not None:
            try:
                clip = write_clip(cut, self._folder, self._settings, self._fields)
                self.written += 1
                self.paused = None
                self._tell(clip)
            except Exception as error:  # whatever it was, the next clip is tried
                self.failed += 1
                self.last_error = str(error)
                self.paused = str(error) if isinstance(error, OutputError) else self.paused
            del cut  # megabytes, which would else be held until the next one

    def _next(self) -> CutClip | None:
        while True:
            try:
                self._tidy()
            except Exception as error:  # clips are written all the same
                self.last_error = str(error)
            with suppress(queue.Empty):
                return self._waiting.get(timeout=TIDY_S)
