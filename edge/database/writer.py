"""Writes messages to the recorder's database in a thread of its own.

The recorder submits messages and continues; the thread applies them in order and commits once per second. A disk that
is slow, full or read-only delays the database, never the audio: messages are buffered until the disk is writable, even
if the database could not be opened yet.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from birdedge.edge.database import rescue
from birdedge.edge.database.database_file import DatabaseFile
from birdedge.edge.database.rejected import KeptRegion, RejectedSelection
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.errors import DiskError, OutputError, StoreError
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
from birdedge.edge.system.disk_check import can_write
from birdedge.edge.times import ClockReading, Stamp

log = logging.getLogger(__name__)
MAX_WAITING = 20_000  # messages that wait for the disk; more are dropped, and counted
HEARD_WHILE_WAITING_S = 30.0  # between buffered `AudioHeard` messages, so that a week of them fits
REOPEN_AFTER_S = 5.0  # of failing commits
REOPEN_EVERY_S = 60.0  # after that
STUCK_AFTER_S = 120.0  # of failing commits on a writable disk
CHECKPOINT_EVERY_S = 300.0
CLOSE_S = 8.0  # less than what systemd allows minus the time for clips


class DatabaseWriter:
    """The database as a sink, for one run of a recorder. `submit` returns at once; `close` waits for the disk.

    Args:
        folder: Folder of the database.
        boot_id: Id of the machine's current boot.
        model, site: Model and site of the recorder.
        commit_s: How long messages may wait for a commit: longer spares an SD card, shorter loses less in a power cut.
        read: Reads the clocks.

    Attributes:
        problem: Why nothing can be written at present; None if nothing is wrong.
        dropped_messages: Number of messages that found the buffer full or could not be stored.
        is_stuck: Whether writing has failed for minutes although the disk is writable; a new process may help.

    Raises:
        StoreError: The database cannot be opened, and waiting would not help; see `open_to_write`. For `submit`, see
            `require_thread`.
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
        self._is_full = False  # and a full buffer was logged
        self.is_stuck = False
        self._failed_since_s: float | None = None
        self._check_due_s = self._checkpoint_due_s = 0.0
        self._are_rescued_stored = False
        self._rescue_file: Path | None = None  # of this run
        self._defect: str | None = None  # of the thread
        self._folder, self._read, self._commit_s = folder, read, commit_s
        began = read()
        self._heard_s = began.boot_s
        self._file = DatabaseFile(folder)
        self._run_log = RunLog(self._file, boot_id, began, model, site)
        self._messages: deque[Message | KeptRegion] = deque()
        self._rejected = RejectedSelection()
        self._wake = threading.Event()
        self._closing = False
        with suppress(DiskError):  # the disk may recover; anything else needs a person
            _ = self._file.db
        self._commit()
        self._thread = threading.Thread(target=self._run, name="database", daemon=True)
        self._thread.start()

    @property
    def utc(self) -> UtcLine:
        """What is known about UTC from the clock and from earlier runs of this boot."""
        return self._run_log.utc

    @property
    def deleted_rows(self) -> int:
        """The number of old rows that were deleted to make room for new ones."""
        return self._run_log.deleted_rows

    def submit(self, message: Message) -> None:
        """Queue a message, from any thread; rejected regions are collected, and queued once per minute."""
        self.require_thread()
        if isinstance(message, FramesReady):
            return
        if isinstance(message, RegionRejected):
            self._rejected.add(message)
            return
        # While the disk fails, all regions share the limit of one minute.
        for region in self._rejected.take(message, may_wait=self.problem is not None):
            self._queue(region)
        if isinstance(message, EventDetected):  # masks are not stored, and the message may wait for days
            message = replace(message, event=message.event.without_mask())
        if not self._may_skip(message):
            self._queue(message)

    def require_thread(self) -> None:
        """Raise an error if the thread ended because of a defect.

        Raises:
            StoreError: The thread ended.
        """
        if self._defect is not None:
            raise StoreError(f"{self._defect}: restart birdedge")

    def _queue(self, message: Message | KeptRegion) -> None:
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
        with suppress(StoreError):
            self.submit(RunEnded(Stamp(0, 0.0, now.boot_s, now.utc_s, 0.0, bool(now.synchronized))))
        self._closing = True
        self._wake.set()
        self._thread.join(CLOSE_S)
        if self._messages:
            self._save_waiting()
        if not self._thread.is_alive():
            with suppress(OutputError):
                self._run_log.close()

    def _save_waiting(self) -> None:
        """Write the waiting messages to a rescue file, which replaces an earlier one of this run."""
        messages = list(self._messages)
        problem = self.problem or f"{self._run_log.path} cannot be written: its disk does not answer"
        try:
            self._rescue_file = rescue.save(self._folder, self._run_log, messages, self._rescue_file)
        except OutputError as error:
            log.error("%s; %d buffered message(s) are lost: %s", problem, len(messages), error)
        else:
            log.error(
                "%s; %d buffered message(s) were saved in %s, which the next start reads",
                *(problem, len(messages), self._rescue_file),
            )

    def _may_skip(self, message: Message) -> bool:
        """Return whether a later message will repeat this one, so that a week of messages fits while the disk fails."""
        if self.problem is None:
            return False
        if isinstance(message, AudioHeard):
            if message.stamp.boot_s - self._heard_s < HEARD_WHILE_WAITING_S:
                return True
            self._heard_s = message.stamp.boot_s
        return isinstance(message, HealthReported)

    def _run(self) -> None:
        try:
            while True:
                self._wake.wait(self._commit_s)
                closing = self._closing
                self._commit()
                if closing and (not self._messages or self.problem):
                    return
        except BaseException as error:  # a defect: nothing more would be stored, and nobody would notice
            self._defect = self.problem = f"the thread of the database ended ({error!r})"
            log.critical("%s", self._defect, exc_info=error)

    def _commit(self) -> None:
        now = self._read()
        try:
            self._store_rescued()
            self._run_log.begin()
            self._run_log.follow_clock(now)
            applied = self._apply_waiting()
            self._run_log.commit()
        except OutputError as error:
            if self.problem is None:
                log.error("%s; results are buffered until the disk is writable", error)
            self.problem = str(error)
            self._run_log.undo(error)
            self._check(now.boot_s)
            return
        for _ in range(applied):
            self._messages.popleft()
        if self.problem is not None:
            log.info("%s is written again", self._run_log.path)
        self.problem, self._failed_since_s, self.is_stuck = None, None, False
        self._forget_rescue()
        if now.boot_s >= self._checkpoint_due_s:  # so that the file is recent even without its log
            self._checkpoint_due_s = now.boot_s + CHECKPOINT_EVERY_S
            self._run_log.prune()
            self._file.checkpoint()

    def _check(self, now_s: float) -> None:
        """Check the disk from time to time while commits fail; if it is healthy, reopen the database."""
        if self._failed_since_s is None:
            self._failed_since_s, self._check_due_s = now_s, now_s + REOPEN_AFTER_S
        if now_s < self._check_due_s:
            return
        self._check_due_s = now_s + REOPEN_EVERY_S
        is_disk_healthy = can_write(self._folder)
        if is_disk_healthy:
            self._file.close()
        if is_disk_healthy and now_s - self._failed_since_s >= STUCK_AFTER_S:
            self._save_waiting()
            self.is_stuck = True

    def _store_rescued(self) -> None:
        if not self._are_rescued_stored:
            rescue.store_saved(self._folder, self._file)
            self._are_rescued_stored = True

    def _forget_rescue(self) -> None:
        path, self._rescue_file = self._rescue_file, None
        if path is not None:
            with suppress(OSError):
                path.unlink()

    def _apply_waiting(self) -> int:
        """Write the waiting messages, drop those that cannot be stored, and return how many were written."""
        applied, waiting = 0, len(self._messages)
        while applied < waiting:
            try:
                self._run_log.apply(self._messages[applied])
            except ValueError as error:
                log.error("%s; it is skipped", error)
                self.dropped_messages += 1
                del self._messages[applied]
                waiting -= 1
            else:
                applied += 1
        return applied
