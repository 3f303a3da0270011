"""Keeps the recorder's book: what was heard, what was not and why, when, and what was found.

The recorder tells facts and goes on; a thread of the ledger's own writes them in that order and commits once a second.
A disk that is slow, full or read-only delays the book, never the listening: facts wait until the disk is well again,
also where there is no book yet.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from birdedge.edge.clips.clip import Clip
from birdedge.edge.database.run_log import ClockReading, RunLog
from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.event import Event

log = logging.getLogger(__name__)
MAX_WAITING = 20_000  # facts that wait for the disk; more are lost, and counted
HEARD_WHILE_WAITING_S = 30.0  # so that a week fits


class DatabaseWriter:
    """One run of a recorder. Methods return at once; `close` waits until all is written.

    Args:
        folder: where the store is.
        read: what the clocks say now.
        commit_s: how long facts may wait for a commit: longer spares an SD card, shorter loses less in a power cut.

    Attributes:
        book: what is written, by the ledger's thread alone.
        problem: why nothing can be written at the moment; None while it can.
        lost_facts: how many found too many waiting.

    Raises:
        StoreError: the store cannot be opened, and waiting would not help; see `Store`.
    """

    def __init__(
        self,
        folder: Path,
        boot_id: str,
        read: Callable[[], ClockReading],
        model: str,
        site: str = "",
        commit_s: float = 1.0,
    ) -> None:
        self.problem: str | None = None
        self.lost_facts = 0
        self._read, self._commit_s = read, commit_s
        began = read()
        self._heard_s = began.boot_s
        self.book = RunLog(folder, boot_id, began, model, site)
        self._facts: deque[Callable[[], None]] = deque()
        self._told = threading.Event()
        self._closing = False
        with suppress(DiskError):  # which passes; what else is wrong needs a person
            _ = self.book.store
        self._commit()
        self._thread = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._thread.start()

    @property
    def offset_s(self) -> float:
        """UTC less the boot's clock, as it is known now."""
        return self.book.offset_s

    def stream_began(self, device: str, sample_rate_hz: int, channels: int) -> None:
        """A device was opened; its samples are counted from 0."""
        now = self._read()
        self._tell(lambda: self.book.begin_stream(device, sample_rate_hz, channels, now))

    def heard(self, sample: int) -> None:
        """All sound up to `sample` of the stream was heard and looked at."""
        now = self._read()
        if self.problem is not None and now.boot_s - self._heard_s < HEARD_WHILE_WAITING_S:
            return  # the next one tells this too
        self._heard_s = now.boot_s
        self._tell(lambda: self.book.extend(sample, now))

    def lost(self, sample: int, samples: int, cause: str) -> None:
        """After `sample` so many samples were lost, and then sound goes on."""
        now = self._read()
        self._tell(lambda: self.book.skip(sample, samples, cause, now))

    def resumed(self, sample: int) -> None:
        """Sound is heard again, from that sample of the stream on."""
        now = self._read()
        self._tell(lambda: self.book.resume(sample, now))

    def gap_began(self, cause: str) -> None:
        """Nothing is heard from now on, until `resumed` or the next stream."""
        now = self._read()
        self._tell(lambda: self.book.begin_gap(cause, now.boot_s))

    def found(self, event: Event) -> None:
        """An event of the stream closed."""
        self._tell(lambda: self.book.add_event(event))

    def clip_written(self, path: str, first_sample: int, samples: int, size_bytes: int, score: float) -> None:
        """A clip of the stream lies whole under its name."""
        self._tell(lambda: self.book.add_clip(path, first_sample, samples, size_bytes, score))

    def clip_found(self, path: str, clip: Clip) -> None:
        """A clip lies on disk that has no row."""
        numbers = clip.sample_rate_hz, clip.first_sample, clip.samples, clip.size_bytes
        self._tell(lambda: self.book.store.add_found_clip(path, clip.utc.timestamp(), *numbers, clip.score))

    def clip_removed(self, path: str) -> None:
        """A clip was deleted."""
        self._tell(lambda: self.book.store.remove_clip(path))

    def mode_changed(self, mode: str) -> None:
        """The recorder became lighter, or no longer is."""
        now = self._read()
        self._tell(lambda: self.book.add_mode(now.boot_s, mode))

    def state(self, state: dict[str, object]) -> None:
        """How the recorder does."""
        if self.problem is not None:
            return  # the next one tells it
        text, now = json.dumps(state, ensure_ascii=False), self._read()
        self._tell(lambda: self.book.set_state(now.boot_s, text))

    def close(self) -> None:
        """The run ended as it should."""
        now = self._read()
        self._tell(lambda: self.book.end_run(now.boot_s))
        self._closing = True
        self._told.set()
        self._thread.join()
        if self.problem is not None:
            log.error("%s; what waited in memory is lost", self.problem)
        with suppress(OutputError):
            self.book.store.close()

    def _tell(self, fact: Callable[[], None]) -> None:
        if len(self._facts) >= MAX_WAITING:
            self.lost_facts += 1
            return
        self._facts.append(fact)

    def _write(self) -> None:
        while True:
            self._told.wait(self._commit_s)
            closing = self._closing
            self._commit()
            if closing and (not self._facts or self.problem):
                return

    def _commit(self) -> None:
        waiting = len(self._facts)
        try:
            self.book.begin()
            self.book.follow_clock(self._read())
            for at in range(waiting):
                self._facts[at]()
            self.book.commit()
        except OutputError as error:
            if self.problem is None:
                log.error("%s; until then what is heard and found waits in memory", error)
            self.problem = str(error)
            self.book.undo()
        else:
            if self.problem is not None:
                log.info("%s is written again", self.book.store.path)
            self.problem = None
            for _ in range(waiting):
                self._facts.popleft()
