"""Writes messages to the recorder's database in a thread of its own.

The recorder submits messages and continues; the thread applies them in order and commits once per second. A disk that
is slow, full or read-only delays the database, never the audio: messages are buffered until the disk is writable, also
where the database could not be opened yet.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from birdedge.edge.database.rejected import RejectedRegions, RejectedSelection
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.messages import (
    AudioHeard,
    EventDetected,
    FramesReady,
    HealthReported,
    Message,
    RegionRejected,
    RunEnded,
)
from birdedge.edge.pipeline.utc_line import UtcLine
from birdedge.edge.system.clock import read_clocks
from birdedge.edge.times import ClockReading, Stamp

log = logging.getLogger(__name__)
MAX_WAITING = 20_000  # messages that wait for the disk; more are dropped, and counted
HEARD_WHILE_WAITING_S = 30.0  # so that those of a week fit


class DatabaseWriter:
    """The database as a sink, for one run of a recorder. `submit` returns at once; `close` waits for the disk.

    Args:
        folder: of the database.
        boot_id: of the machine's present boot.
        model, site: of the recorder.
        commit_s: how long messages may wait for a commit: longer spares an SD card, shorter loses less in a power cut.
        read: reads the clocks.

    Attributes:
        problem: why nothing can be written at present; None while it can.
        dropped_messages: how many found the buffer full, or could not be stored.

    Raises:
        StoreError: the database cannot be opened, and waiting would not help; see `open_to_write`.
    """

    def __init__(
        self,
        folder: Path,
        boot_id: str,
        model: str,
        site: str = "",
        commit_s: float = 1.0,
        read: Callable[[], ClockReading] = read_clocks,
    ) -> None:
        self.problem: str | None = None
        self.dropped_messages = 0
        self._is_full = False  # and this was logged
        self._read, self._commit_s = read, commit_s
        began = read()
        self._heard_s = began.boot_s
        self._run_log = RunLog(folder, boot_id, began, model, site)
        self._messages: deque[Message | RejectedRegions] = deque()
        self._rejected = RejectedSelection()
        self._wake = threading.Event()
        self._closing = False
        with suppress(DiskError):  # which passes; anything else needs a person
            _ = self._run_log.db
        self._commit()
        self._thread = threading.Thread(target=self._run, name="database", daemon=True)
        self._thread.start()

    @property
    def utc(self) -> UtcLine:
        """What earlier runs of this boot and the clock know of UTC."""
        return self._run_log.utc

    def submit(self, message: Message) -> None:
        """Queue a message, from any thread; rejected regions are collected, and queued once per minute."""
        if isinstance(message, FramesReady):
            return
        if isinstance(message, RegionRejected):
            self._rejected.add(message)
            return
        # While the disk fails, the regions of all that time count as those of one minute.
        if regions := self._rejected.take(message, may_wait=self.problem is not None):
            self._queue(regions)
        if isinstance(message, EventDetected):  # masks are not stored, and may wait for days
            message = replace(message, event=message.event.without_mask())
        if not self._may_skip(message):
            self._queue(message)

    def _queue(self, message: Message | RejectedRegions) -> None:
        if len(self._messages) >= MAX_WAITING:
            if not self._is_full:
                self._is_full = True
                log.error("too many messages wait for the database; new ones are dropped and counted")
            self.dropped_messages += 1
            return
        self._messages.append(message)

    write = submit

    def close(self) -> None:
        """End the run cleanly, and wait until everything is written."""
        if self._closing:
            return
        now = self._read()
        self.submit(RunEnded(Stamp(0, 0.0, now.boot_s, now.utc_s, 0.0, bool(now.synchronized))))
        self._closing = True
        self._wake.set()
        self._thread.join()
        if self.problem is not None:
            log.error("%s; %d buffered message(s) are lost", self.problem, len(self._messages))
        with suppress(OutputError):
            self._run_log.close()

    def _may_skip(self, message: Message) -> bool:
        """Return whether a later message will say this too, so that those of a week of a failing disk fit."""
        if self.problem is None:
            return False
        if isinstance(message, AudioHeard):
            if message.stamp.boot_s - self._heard_s < HEARD_WHILE_WAITING_S:
                return True
            self._heard_s = message.stamp.boot_s
        return isinstance(message, HealthReported)

    def _run(self) -> None:
        while True:
            self._wake.wait(self._commit_s)
            closing = self._closing
            self._commit()
            if closing and (not self._messages or self.problem):
                return

    def _commit(self) -> None:
        waiting, index = len(self._messages), 0
        try:
            self._run_log.begin()
            self._run_log.follow_clock(self._read())
            for index in range(waiting):
                self._run_log.apply(self._messages[index])
            self._run_log.commit()
        except ValueError as error:  # left out, so that the others are stored
            log.error("%s; it is left out", error)
            self._run_log.undo()
            self.dropped_messages += 1
            del self._messages[index]
        except OutputError as error:
            if self.problem is None:
                log.error("%s; results are buffered until the disk is writable", error)
            self.problem = str(error)
            self._run_log.undo()
        else:
            if self.problem is not None:
                log.info("%s is written again", self._run_log.path)
            self.problem = None
            for _ in range(waiting):
                self._messages.popleft()
