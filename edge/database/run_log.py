"""The rows that one run of a recorder writes into the store, and which of them are still being written.

Used by one thread. What could not be committed is told again: `undo` goes back to the last commit, in memory too.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from birdedge import __version__
from birdedge.edge.database.store import Stamp, Store
from birdedge.edge.errors import OutputError
from birdedge.edge.event import Event
from birdedge.edge.pipeline.timekeeper import Timekeeper

log = logging.getLogger(__name__)
ANCHOR_S = 60.0
CLOCK_STEP_S = 0.05


@dataclass(frozen=True)
class ClockReading:
    """What the clocks say at one moment; `synchronized` is None where the system does not tell."""

    boot_s: float
    utc_s: float
    synchronized: bool | None


@dataclass
class _OpenRows:
    """The rows that are still being written; their numbers are 0 where there is none."""

    offset_s: float
    synchronized: bool
    boot: int = 0
    run: int = 0
    power_lost: tuple[int, float] | None = None  # the gap, and its beginning in UTC
    stream: int = 0
    sample_rate_hz: int = 1
    timebase: Timekeeper = field(default_factory=lambda: Timekeeper(1))
    anchored_s: float = 0.0
    heard: int = 0
    first_sample: int = 0
    until_sample: int = 0
    gap: int = 0
    gap_began_s: float = 0.0


class RunLog:
    """What the run before left open is closed first: a gap from its last sound until now.

    Its cause is "stopped" where that run had ended as it should, else "restart" within one boot and "power lost" after
    another.

    Args:
        folder: where the store is.
        began: what the clocks said as the run began.

    Raises:
        OutputError: the store cannot be opened or written; from all methods but `undo`.
    """

    def __init__(self, folder: Path, boot_id: str, began: ClockReading, model: str, site: str) -> None:
        self._folder, self._boot_id, self._began = folder, boot_id, began
        self._model, self._site = model, site
        self._page = _OpenRows(began.utc_s - began.boot_s, bool(began.synchronized))
        self._safe_page = replace(self._page)

    @cached_property
    def store(self) -> Store:
        """Where the rows are; while it cannot be opened, each use tries again."""
        store = Store(self._folder)
        if store.quarantined is not None:
            log.error("the database was damaged; it is kept as %s, and a new one begins", store.quarantined)
        return store

    @property
    def offset_s(self) -> float:
        """UTC less the boot's clock, as it is known now."""
        return self._page.offset_s

    def commit(self) -> None:
        """What was written until now outlives a power cut."""
        self.store.commit()
        self._safe_page = replace(self._page)

    def undo(self) -> None:
        """Nothing since the last commit was written: SQLite may have undone it where it failed."""
        with suppress(OutputError):
            self.store.undo()
        self._page = replace(self._safe_page)

    def begin(self) -> None:
        """The run's first rows, once; as it was when it began, though the disk may have become well only now."""
        page, began, store = self._page, self._began, self.store
        if page.run:
            return
        page.boot = store.begin_boot(self._boot_id, began.utc_s - began.boot_s, bool(began.synchronized))
        offset_s, synchronized = store.rows(
            "SELECT offset_s, synchronized FROM boots WHERE id = ?", (page.boot,)
        )[0]
        page.offset_s, page.synchronized = offset_s, bool(synchronized)
        self._close_earlier_run(began)
        page.run = store.begin_run(page.boot, began.boot_s, __version__, self._model, self._site)

    def follow_clock(self, now: ClockReading) -> None:
        """What a synchronized clock says of UTC."""
        page = self._page
        offset_s = now.utc_s - now.boot_s
        if now.synchronized and (not page.synchronized or abs(offset_s - page.offset_s) > CLOCK_STEP_S):
            self.store.set_offset(page.boot, offset_s, page.timebase.uncertainty_s)
            page.offset_s, page.synchronized = offset_s, True
            if page.power_lost is not None:
                gap, last_utc_s = page.power_lost
                self.store.end_gap(gap, max(0.0, self._began.boot_s + offset_s - last_utc_s))

    def begin_stream(self, device: str, sample_rate_hz: int, channels: int, now: ClockReading) -> None:
        """A device was opened; its samples are counted from 0."""
        page = self._page
        page.stream = self.store.begin_stream(page.run, device, sample_rate_hz, channels, now.boot_s)
        page.sample_rate_hz = sample_rate_hz
        page.timebase = Timekeeper(sample_rate_hz)
        page.timebase.arrived(0, now.boot_s)
        page.anchored_s = -ANCHOR_S
        self.resume(0, now)

    def extend(self, sample: int, now: ClockReading) -> None:
        """All sound up to `sample` of the stream was heard."""
        page = self._page
        page.timebase.arrived(sample, now.boot_s)
        page.until_sample = sample
        self.store.set_heard(page.heard, sample - page.first_sample)
        if now.boot_s - page.anchored_s >= ANCHOR_S:
            page.anchored_s = now.boot_s
            self.store.add_anchor(page.stream, sample, now.boot_s, now.utc_s, bool(now.synchronized))

    def skip(self, sample: int, samples: int, cause: str, now: ClockReading) -> None:
        """After `sample` so many samples were lost, and then sound goes on."""
        self.extend(sample, now)
        page = self._page
        began_s, length_s = page.timebase.boot_s(sample), samples / page.sample_rate_hz
        self.store.begin_gap(page.boot, began_s, cause, length_s)
        self._begin_span(sample + samples, began_s + length_s)

    def begin_gap(self, cause: str, boot_s: float) -> None:
        """Nothing is heard since the last sound, until `resume` or the next stream."""
        page = self._page
        if not page.gap:
            page.gap_began_s = page.timebase.boot_s(page.until_sample) if page.stream else boot_s
            page.gap = self.store.begin_gap(page.boot, page.gap_began_s, cause)

    def resume(self, sample: int, now: ClockReading) -> None:
        """Sound is heard again, from that sample of the stream on."""
        self._end_gap(now.boot_s)
        self._begin_span(sample, now.boot_s)

    def add_event(self, event: Event) -> None:
        """An event of the stream closed."""
        page = self._page
        boot_s = page.timebase.boot_s(round(event.onset_s * page.sample_rate_hz))
        uncertainty_s = page.timebase.uncertainty_s if page.synchronized else None
        stamp = Stamp(boot_s, boot_s + page.offset_s, uncertainty_s)
        self.store.add_event(page.stream, event, page.sample_rate_hz, stamp)

    def add_clip(self, path: str, first_sample: int, samples: int, size_bytes: int, score: float) -> None:
        """A clip of the stream lies whole under its name."""
        self.store.add_clip(path, self._page.stream, first_sample, samples, size_bytes, score)

    def add_mode(self, boot_s: float, mode: str) -> None:
        """The recorder became lighter, or no longer is."""
        self.store.add_mode(self._page.boot, boot_s, mode)

    def set_state(self, boot_s: float, state: str) -> None:
        """How the recorder does, as JSON."""
        self.store.set_state(self._page.run, boot_s, state)

    def end_run(self, boot_s: float) -> None:
        """It ended as it should."""
        self._end_gap(boot_s)
        self.store.end_run(self._page.run, boot_s)

    def _close_earlier_run(self, now: ClockReading) -> None:
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

    def _end_gap(self, boot_s: float) -> None:
        page = self._page
        if page.gap:
            self.store.end_gap(page.gap, boot_s - page.gap_began_s)
            page.gap = 0

    def _begin_span(self, sample: int, boot_s: float) -> None:
        self._page.heard = self.store.begin_heard(self._page.stream, sample, boot_s)
        self._page.first_sample = self._page.until_sample = sample
