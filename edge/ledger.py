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
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from birdedge import __version__
from birdedge.edge.clip_file import Clip
from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.event import Event
from birdedge.edge.store import Stamp, Store
from birdedge.edge.timebase import Timebase

log = logging.getLogger(__name__)
MOST_WAITING = 20_000  # facts that wait for the disk; more are lost, and counted
HEARD_WHILE_WAITING_S = 30.0  # so that a week fits
ANCHOR_S = 60.0
CLOCK_STEP_S = 0.05


@dataclass(frozen=True)
class Reading:
    """What the clocks say at one moment; `synchronized` is None where the system does not tell."""

    boot_s: float
    utc_s: float
    synchronized: bool | None


@dataclass
class _Page:
    """What the thread knows of rows that are still being written; numbers of rows are 0 where there is none."""

    offset_s: float
    synchronized: bool
    boot: int = 0
    run: int = 0
    power_lost: tuple[int, float] | None = None  # the gap, and its beginning in UTC
    stream: int = 0
    sample_rate_hz: int = 1
    timebase: Timebase = field(default_factory=lambda: Timebase(1))
    anchored_s: float = 0.0
    heard: int = 0
    first_sample: int = 0
    until_sample: int = 0
    gap: int = 0
    gap_began_s: float = 0.0


class Ledger:
    """One run of a recorder. Methods return at once; `close` waits until all is written.

    What the run before left open is closed first: a gap from its last sound until now, whose cause is "stopped" where
    it had ended as it should, else "restart" within one boot and "power lost" after another.

    Args:
        folder: where the store is.
        read: what the clocks say now.
        commit_s: how long facts may wait for a commit: longer spares an SD card, shorter loses less in a power cut.

    Attributes:
        problem: why nothing can be written at the moment; None while it can.
        lost_facts: how many found too many waiting.

    Raises:
        StoreError: the store cannot be opened, and waiting would not help; see `Store`.
    """

    def __init__(
        self,
        folder: Path,
        boot_id: str,
        read: Callable[[], Reading],
        model: str,
        site: str = "",
        commit_s: float = 1.0,
    ) -> None:
        self.problem: str | None = None
        self.lost_facts = 0
        self._folder, self._read, self._commit_s = folder, read, commit_s
        self._boot_id, self._model, self._site = boot_id, model, site
        self._began = now = read()
        self._heard_s = now.boot_s
        self._page = _Page(now.utc_s - now.boot_s, bool(now.synchronized))
        self._safe_page = replace(self._page)
        self._facts: deque[Callable[[], None]] = deque()
        self._told = threading.Event()
        self._closing = False
        with suppress(DiskError):  # which passes; what else is wrong needs a person
            _ = self.store
        self._commit()
        self._thread = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._thread.start()

    @cached_property
    def store(self) -> Store:
        """The book; while it cannot be opened, each use tries again."""
        store = Store(self._folder)
        if store.set_aside is not None:
            log.error("the database was damaged; it is kept as %s, and a new one begins", store.set_aside)
        return store

    @property
    def offset_s(self) -> float:
        """UTC less the boot's clock, as it is known now."""
        return self._page.offset_s

    def stream_began(self, device: str, sample_rate_hz: int, channels: int) -> None:
        """A device was opened; its samples are counted from 0."""
        now = self._read()
        self._tell(lambda: self._begin_stream(device, sample_rate_hz, channels, now))

    def heard(self, sample: int) -> None:
        """All sound up to `sample` of the stream was heard and looked at."""
        now = self._read()
        if self.problem is not None and now.boot_s - self._heard_s < HEARD_WHILE_WAITING_S:
            return  # the next one tells this too
        self._heard_s = now.boot_s
        self._tell(lambda: self._extend(sample, now))

    def lost(self, sample: int, samples: int, cause: str) -> None:
        """After `sample` so many samples were lost, and then sound goes on."""
        now = self._read()
        self._tell(lambda: self._skip(sample, samples, cause, now))

    def resumed(self, sample: int) -> None:
        """Sound is heard again, from that sample of the stream on."""
        now = self._read()
        self._tell(lambda: self._resume(sample, now))

    def gap_began(self, cause: str) -> None:
        """Nothing is heard from now on, until `resumed` or the next stream."""
        now = self._read()
        self._tell(lambda: self._begin_gap(cause, now.boot_s))

    def found(self, event: Event) -> None:
        """An event of the stream closed."""
        self._tell(lambda: self._add_event(event))

    def clip_written(self, path: str, first_sample: int, samples: int, size_bytes: int, score: float) -> None:
        """A clip of the stream lies whole under its name."""
        self._tell(
            lambda: self.store.add_clip(path, self._page.stream, first_sample, samples, size_bytes, score)
        )

    def clip_found(self, path: str, clip: Clip) -> None:
        """A clip lies on disk that has no row."""
        numbers = clip.sample_rate_hz, clip.first_sample, clip.samples, clip.size_bytes
        self._tell(lambda: self.store.add_found_clip(path, clip.utc.timestamp(), *numbers, clip.score))

    def clip_removed(self, path: str) -> None:
        """A clip was deleted."""
        self._tell(lambda: self.store.remove_clip(path))

    def mode_changed(self, mode: str) -> None:
        """The recorder became lighter, or no longer is."""
        now = self._read()
        self._tell(lambda: self.store.add_mode(self._page.boot, now.boot_s, mode))

    def state(self, state: dict[str, object]) -> None:
        """How the recorder does."""
        if self.problem is not None:
            return  # the next one tells it
        text, now = json.dumps(state, ensure_ascii=False), self._read()
        self._tell(lambda: self.store.set_state(self._page.run, now.boot_s, text))

    def close(self) -> None:
        """The run ended as it should."""
        now = self._read()
        self._tell(lambda: self._end_gap(now.boot_s))
        self._tell(lambda: self.store.end_run(self._page.run, now.boot_s))
        self._closing = True
        self._told.set()
        self._thread.join()
        if self.problem is not None:
            log.error("%s; what waited in memory is lost", self.problem)
        with suppress(OutputError):
            self.store.close()

    def _tell(self, fact: Callable[[], None]) -> None:
        if len(self._facts) >= MOST_WAITING:
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
            if not self._page.run:
                self._begin()
            self._follow_clock()
            for at in range(waiting):
                self._facts[at]()
            self.store.commit()
        except OutputError as error:
            if self.problem is None:
                log.error("%s; until then what is heard and found waits in memory", error)
            # SQLite may have undone what it had taken since the last commit: all of it is told again.
            self.problem = str(error)
            with suppress(OutputError):
                self.store.undo()
            self._page = replace(self._safe_page)
        else:
            if self.problem is not None:
                log.info("%s is written again", self.store.path)
            self.problem = None
            self._safe_page = replace(self._page)
            for _ in range(waiting):
                self._facts.popleft()

    def _begin(self) -> None:
        """The run's first rows, as it was when it began, though the disk may have become well only now."""
        page, began, store = self._page, self._began, self.store
        page.boot = store.begin_boot(self._boot_id, began.utc_s - began.boot_s, bool(began.synchronized))
        offset_s, synchronized = store.rows(
            "SELECT offset_s, synchronized FROM boots WHERE id = ?", (page.boot,)
        )[0]
        page.offset_s, page.synchronized = offset_s, bool(synchronized)
        self._close_earlier_run(began)
        page.run = store.begin_run(page.boot, began.boot_s, __version__, self._model, self._site)

    def _follow_clock(self) -> None:
        now, page = self._read(), self._page
        offset_s = now.utc_s - now.boot_s
        if now.synchronized and (not page.synchronized or abs(offset_s - page.offset_s) > CLOCK_STEP_S):
            self.store.set_offset(page.boot, offset_s, page.timebase.uncertainty_s)
            page.offset_s, page.synchronized = offset_s, True
            if page.power_lost is not None:
                gap, last_utc_s = page.power_lost
                self.store.end_gap(gap, max(0.0, self._began.boot_s + offset_s - last_utc_s))

    def _close_earlier_run(self, now: Reading) -> None:
        """The gap since the last sound of the run before this one."""
        found = self.store.rows(
            "SELECT runs.id, runs.boot, runs.began_s, runs.ended_s, boots.offset_s FROM runs "
            "JOIN boots ON boots.id = runs.boot ORDER BY runs.id DESC LIMIT 1"
        )
        if not found:
            return
        run, boot, began_s, ended_s, offset_s = found[0]
        heard = self.store.rows(
            "SELECT max(began_s + samples * 1.0 / sample_rate_hz) FROM heard JOIN boot_of_stream USING (stream) "
            "WHERE run = ?",
            (run,),
        )[0][0]
        last_s = ended_s if ended_s is not None else heard if heard is not None else began_s
        same_boot = boot == self._page.boot
        until_s = now.boot_s if same_boot else now.utc_s - offset_s  # on that boot's clock
        cause = "stopped" if ended_s is not None else "restart" if same_boot else "power lost"
        for gap, gap_began_s in self.store.rows(
            "SELECT id, began_s FROM gaps WHERE length_s IS NULL AND boot = ?", (boot,)
        ):
            self.store.end_gap(int(gap), max(0.0, last_s - gap_began_s))
        gap = self.store.begin_gap(int(boot), last_s, cause, max(0.0, until_s - last_s))
        if not same_boot:  # how long it was may show only when a clock is set
            self._page.power_lost = gap, last_s + offset_s

    def _begin_stream(self, device: str, sample_rate_hz: int, channels: int, now: Reading) -> None:
        page = self._page
        page.stream = self.store.begin_stream(page.run, device, sample_rate_hz, channels, now.boot_s)
        page.sample_rate_hz = sample_rate_hz
        page.timebase = Timebase(sample_rate_hz)
        page.timebase.arrived(0, now.boot_s)
        page.anchored_s = -ANCHOR_S
        self._end_gap(now.boot_s)
        self._begin_span(0, now.boot_s)

    def _resume(self, sample: int, now: Reading) -> None:
        self._end_gap(now.boot_s)
        self._begin_span(sample, now.boot_s)

    def _end_gap(self, boot_s: float) -> None:
        page = self._page
        if page.gap:
            self.store.end_gap(page.gap, boot_s - page.gap_began_s)
            page.gap = 0

    def _begin_span(self, sample: int, boot_s: float) -> None:
        self._page.heard = self.store.begin_heard(self._page.stream, sample, boot_s)
        self._page.first_sample = self._page.until_sample = sample

    def _extend(self, sample: int, now: Reading) -> None:
        page = self._page
        page.timebase.arrived(sample, now.boot_s)
        page.until_sample = sample
        self.store.set_heard(page.heard, sample - page.first_sample)
        if now.boot_s - page.anchored_s >= ANCHOR_S:
            page.anchored_s = now.boot_s
            self.store.add_anchor(page.stream, sample, now.boot_s, now.utc_s, bool(now.synchronized))

    def _skip(self, sample: int, samples: int, cause: str, now: Reading) -> None:
        self._extend(sample, now)
        page = self._page
        began_s, length_s = page.timebase.boot_s(sample), samples / page.sample_rate_hz
        self.store.begin_gap(page.boot, began_s, cause, length_s)
        self._begin_span(sample + samples, began_s + length_s)

    def _begin_gap(self, cause: str, boot_s: float) -> None:
        page = self._page
        if not page.gap:
            page.gap_began_s = page.timebase.boot_s(page.until_sample) if page.stream else boot_s
            page.gap = self.store.begin_gap(page.boot, page.gap_began_s, cause)

    def _add_event(self, event: Event) -> None:
        page = self._page
        boot_s = page.timebase.boot_s(round(event.onset_s * page.sample_rate_hz))
        uncertainty_s = page.timebase.uncertainty_s if page.synchronized else None
        stamp = Stamp(boot_s, boot_s + page.offset_s, uncertainty_s)
        self.store.add_event(page.stream, event, page.sample_rate_hz, stamp)
