"""A microphone or stream that is reopened whenever it is lost, silent, flat or at a wrong rate."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.devices import forget_devices, sound_cards
from birdedge.edge.block import Block, LiveInput
from birdedge.edge.errors import DeviceError, DeviceLostError, StreamLostError, StreamStalledError
from birdedge.edge.gap import PAUSED, GapCause
from birdedge.edge.recorder.schedule import Schedule
from birdedge.edge.system.clock import read_clocks
from birdedge.edge.times import ClockReading

FIRST_WAIT_S, MAX_WAIT_S = 0.5, 30.0
STEADY_S = 60.0  # after this much audio, the next loss is retried quickly again
FLAT_S = 30.0  # one constant value, mostly zero, for this long is a dead microphone
WAITING_EVERY_S = SCHEDULE_EVERY_S = 1.0  # polled: the clock may be set before the next change
RATE_S, RATE_TOLERANCE = 20.0, 0.02
WRONG_RATE_S = 3.0  # audio that was only delayed, or lost all at once, is counted by then

log = logging.getLogger(__name__)


class ReconnectingMicrophone:
    """A `Source` whose losses are gaps of a known length and cause. It ends when its input has ended for good.

    Args:
        microphone: the input, not opened yet; a stream has no hardware that can be flat or at a wrong rate.
        schedule: when to listen; the microphone is closed at all other times.
        gap_started: called when a stream cannot start or continue for another reason than before.
        waiting: called at least every second while the schedule is closed or there is no device. Not called after a
            device opened and delivered nothing: the device hangs, and a new process may help.
        waits_while_hanging: whether to call `waiting` even then: a new process would cost other sources their audio.
        read: reads the clocks.
        first_wait_s: time until the first attempt to open a lost device; it doubles up to 30 s.

    Attributes:
        losses: how often the device was lost.
    """

    def __init__(
        self,
        microphone: LiveInput,
        schedule: Schedule,
        gap_started: Callable[[GapCause], None],
        waiting: Callable[[], None],
        read: Callable[[], ClockReading] = read_clocks,
        first_wait_s: float = FIRST_WAIT_S,
        waits_while_hanging: bool = False,
    ) -> None:
        self._may_hang = microphone.is_hardware and not waits_while_hanging
        self.losses = 0
        self._microphone, self._schedule = microphone, schedule
        self._gap_started, self._waiting, self._read = gap_started, waiting, read
        self._first_wait_s = self._wait_s = first_wait_s
        self._is_paused = self._is_hanging = False
        self._gap_cause: GapCause | None = None  # of the present gap, as reported

    @property
    def name(self) -> str:
        """The name of the open device."""
        return self._microphone.name

    @property
    def sample_rate_hz(self) -> int:
        """The rate of the open device."""
        return self._microphone.sample_rate_hz

    @property
    def channels(self) -> int:
        """The number of captured channels."""
        return self._microphone.channels

    def set_min_block(self, samples: int) -> None:
        """See `Microphone.set_min_block`."""
        self._microphone.set_min_block(samples)

    def open(self, stop: threading.Event) -> bool:
        """Wait for the schedule and for the device; return False if `stop` was set first."""
        reported = ""
        while self._wait_for_schedule(stop):
            try:
                self._microphone.open()
            except DeviceError as error:
                self._is_hanging = False
                self._report_gap(_cause(error))
                if str(error) != reported:  # once, not at every attempt
                    reported = str(error)
                    log.warning("%s; trying again until it is available", reported)
            else:
                return True
            self._back_off(stop)
        return False

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        """Yield audio until `stop` is set. An empty block marks the start of a gap, the block after it the end.

        Raises:
            DeviceError: the device came back with another sample rate, so that the stream cannot continue.
        """
        try:
            yield from self._blocks(stop)
        finally:
            self._gap_cause = None

    def _blocks(self, stop: threading.Event) -> Iterator[Block]:
        rate_hz = self.sample_rate_hz
        heard = self._read()
        self._gap_cause = None
        while True:
            try:
                for block in self._watched(stop):
                    whole = block
                    if self._gap_cause is not None:
                        whole = _after_gap(block, heard, self._gap_cause, rate_hz)
                        log.info("listening to %r again after %.1f s", self.name, whole.gap_samples / rate_hz)
                        self._gap_cause = None
                    heard = block.arrived or heard
                    yield whole
                if stop.is_set() or self._microphone.has_ended:
                    return
                cause = PAUSED
            except DeviceLostError as error:
                cause = _cause(error)
                self.losses += 1
                log.warning("%s; trying again until it delivers audio", error)
            if self._gap_cause is None:
                yield Block(np.zeros((0, self.channels), np.float32), gap_cause=cause)
                self._gap_cause = cause
            else:
                self._report_gap(cause)
            self._microphone.close()
            if cause != PAUSED:
                self._back_off(stop)
            if not self.open(stop):
                return
            if self.sample_rate_hz != rate_hz:
                raise DeviceError(
                    f"{self.name!r} came back with {self.sample_rate_hz} Hz instead of {rate_hz}: start birdedge "
                    "again, or set the rate with --rate"
                )

    def _back_off(self, stop: threading.Event) -> None:
        """Wait before the next attempt, but only while the schedule is open, so that a pause begins on time."""
        until_s = self._read().boot_s + self._wait_s
        while not stop.is_set() and (left_s := until_s - (now := self._read()).boot_s) > 0:
            if not self._schedule.is_open(now.utc_s):
                break
            if not self._is_hanging:
                self._waiting()
            stop.wait(min(left_s, WAITING_EVERY_S))
        self._wait_s = min(2 * self._wait_s, MAX_WAIT_S)
        if self._microphone.is_hardware:
            forget_devices()

    def _wait_for_schedule(self, stop: threading.Event) -> bool:
        """Wait until the schedule is open, and return True; return False if `stop` was set."""
        cards = sound_cards()
        while not stop.is_set() and not self._schedule.is_open(now_s := self._read().utc_s):
            if not self._is_paused:
                self._is_paused = True
                log.info("%s: %s", PAUSED, self._schedule.outlook(now_s))
                self._report_gap(PAUSED)
            self._waiting()
            stop.wait(WAITING_EVERY_S)
        if self._is_paused and self._microphone.is_hardware and sound_cards() != cards:
            forget_devices()
        self._is_paused = False
        return not stop.is_set()

    def _report_gap(self, cause: GapCause) -> None:
        if cause != self._gap_cause:
            self._gap_cause = cause
            self._gap_started(cause)

    def _watched(self, stop: threading.Event) -> Iterator[Block]:
        """Yield the blocks of the microphone while they can be audio and the schedule is open."""
        name, rate_hz = self.name, self.sample_rate_hz
        opened_s, asked_s, wrong_s, flat_samples = self._read().boot_s, 0.0, math.inf, 0
        self._is_hanging = self._may_hang  # until it delivers
        for block in self._microphone.blocks(stop):
            self._is_hanging = False
            yield block
            is_flat = self._microphone.is_hardware and _is_flat(block.samples)
            flat_samples = flat_samples + len(block.samples) if is_flat else 0
            if flat_samples >= FLAT_S * rate_hz:
                raise DeviceLostError(f"{name!r} delivered one constant value for {FLAT_S:g} s")
            now = self._read()
            samples, open_s = self._microphone.delivered_samples, now.boot_s - opened_s
            right = open_s < RATE_S or abs(samples / (open_s * rate_hz) - 1) <= RATE_TOLERANCE
            right = right or not self._microphone.is_hardware
            wrong_s = math.inf if right else min(wrong_s, open_s)
            if open_s - wrong_s >= WRONG_RATE_S:
                raise DeviceLostError(
                    f"{name!r} delivered {samples / open_s:.0f} samples per second instead of {rate_hz}"
                )
            if open_s >= STEADY_S:
                self._wait_s = self._first_wait_s
            if open_s - asked_s >= SCHEDULE_EVERY_S:
                asked_s = open_s
                if not self._schedule.is_open(now.utc_s):
                    return


def _after_gap(block: Block, heard: ClockReading, cause: GapCause, rate_hz: int) -> Block:
    """Return the first block of a reopened device with its gap; the clock says how much was lost."""
    first_s = (block.arrived or heard).boot_s - len(block.samples) / rate_hz
    return replace(block, gap_samples=max(1, round((first_s - heard.boot_s) * rate_hz)), gap_cause=cause)


def _cause(error: DeviceError) -> GapCause:
    if isinstance(error, StreamStalledError):
        return "stream stalled"
    return "stream lost" if isinstance(error, StreamLostError) else "device lost"


def _is_flat(samples: NDArray[np.float32]) -> bool:
    """Return whether all samples are equal, or all are NaN or infinite."""
    return bool((samples == samples[:1]).all() or not np.isfinite(samples).any())
