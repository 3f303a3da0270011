"""A microphone that is listened to for ever: opened again whenever it is lost, dead, flat or at a wrong rate."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.devices import forget_devices
from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.errors import DeviceError, DeviceLostError
from birdedge.edge.monitoring.coverage import PAUSED
from birdedge.edge.recorder.schedule import Schedule
from birdedge.edge.system.clock import monotonic_s

FIRST_WAIT_S, MAX_WAIT_S = 0.5, 30.0
GOOD_S = 60.0  # sound for so long, and the next loss is waited for shortly again
FLAT_S = 30.0  # one value, zeros mostly, for so long is a dead microphone
SCHEDULE_EVERY_S = 1.0  # not once, at its next change: a clock may be set meanwhile
RATE_S, RATE_TOLERANCE = 20.0, 0.02
WRONG_S = 3.0  # of a wrong rate: what was only held up, or was lost at once, is in the count by then

log = logging.getLogger(__name__)
Blocks = Iterator[tuple[int, NDArray[np.float32]]]


class ReconnectingMicrophone:
    """Blocks of a microphone without end; what was lost in between is a gap of known length and cause.

    Args:
        microphone: not opened yet.
        schedule: when to listen; the microphone is closed at all other times.
        lost: called as soon as nothing is heard any more, `cause` saying why.
        waiting: called every second that the schedule leaves out.

    Attributes:
        cause: why nothing is, or was last, heard: "device lost", "overrun" or "paused by schedule".
        losses: how often the device was lost.
    """

    def __init__(
        self,
        microphone: Microphone,
        schedule: Schedule,
        lost: Callable[[], None],
        waiting: Callable[[], None],
    ) -> None:
        self.microphone = microphone
        self.cause = ""
        self.losses = 0
        self._schedule, self._lost, self._waiting = schedule, lost, waiting
        self._wait_s = FIRST_WAIT_S

    def open(self, stop: threading.Event) -> bool:
        """Waits for the schedule, and tries until the device can be opened; False where `stop` was set before."""
        told = ""
        while self._wait_for_schedule(stop):
            try:
                self.microphone.open()
                return True
            except DeviceError as error:
                if str(error) != told:  # once, not at every try
                    told = str(error)
                    self.cause = "device lost"
                    self._lost()
                    log.warning("%s; trying again until it is there", told)
            stop.wait(self._wait_s)
            self._wait_s = min(2 * self._wait_s, MAX_WAIT_S)
            forget_devices()
        return False

    def blocks(self, stop: threading.Event) -> Blocks:
        """How many samples were lost just before a block, and the block `[samples, channels]`, until `stop` is set.

        A block may be empty.

        Raises:
            DeviceError: the device came back with another sample rate, with which no stream can go on.
        """
        rate_hz = self.microphone.sample_rate_hz
        began_s, passed_samples = monotonic_s(), 0
        while True:
            try:
                for gap_samples, block in self._watched(stop):
                    self.cause = "overrun"
                    passed_samples += gap_samples + len(block)
                    yield gap_samples, block
                if stop.is_set():
                    return
                self._pause()
            except DeviceLostError as error:
                self.cause = "device lost"
                self.losses += 1
                self._lost()
                log.warning("%s; trying again until it delivers", error)
            cause = self.cause
            self.microphone.close()
            forget_devices()
            if cause == "device lost":
                stop.wait(self._wait_s)
                self._wait_s = min(2 * self._wait_s, MAX_WAIT_S)
            if not self.open(stop):
                return
            if self.microphone.sample_rate_hz != rate_hz:
                raise DeviceError(
                    f"{self.microphone.device.name!r} came back with {self.microphone.sample_rate_hz} Hz instead of "
                    f"{rate_hz}: start birdedge again, or name the rate with --rate"
                )
            away_samples = max(1, round((monotonic_s() - began_s) * rate_hz) - passed_samples)
            passed_samples += away_samples
            log.info(
                "listening to %r again after %.1f s", self.microphone.device.name, away_samples / rate_hz
            )
            self.cause = cause
            yield away_samples, np.zeros((0, self.microphone.channels), np.float32)

    def _pause(self) -> None:
        if self.cause != PAUSED:
            self.cause = PAUSED
            log.info(PAUSED)
        self._lost()

    def _wait_for_schedule(self, stop: threading.Event) -> bool:
        """Whether to listen; not before the schedule is open, False where `stop` was set."""
        if not self._schedule.is_open(time.time()):
            self._pause()
        while not stop.is_set() and not self._schedule.is_open(time.time()):
            self._waiting()
            stop.wait(SCHEDULE_EVERY_S)
        return not stop.is_set()

    def _watched(self, stop: threading.Event) -> Blocks:
        """The microphone's own blocks while they can be sound and the schedule is open."""
        name, rate_hz = self.microphone.device.name, self.microphone.sample_rate_hz
        opened_s, asked_s, wrong_s, flat_samples = monotonic_s(), 0.0, math.inf, 0
        for gap_samples, block in self.microphone.blocks(stop):
            yield gap_samples, block
            flat_samples = flat_samples + len(block) if _is_flat(block) else 0
            if flat_samples >= FLAT_S * rate_hz:
                raise DeviceLostError(f"{name!r} delivered one and the same value for {FLAT_S:g} s")
            samples, open_s = self.microphone.delivered_samples, monotonic_s() - opened_s
            right = open_s < RATE_S or abs(samples / (open_s * rate_hz) - 1) <= RATE_TOLERANCE
            wrong_s = math.inf if right else min(wrong_s, open_s)
            if open_s - wrong_s >= WRONG_S:
                raise DeviceLostError(
                    f"{name!r} delivered {samples / open_s:.0f} samples a second, not the {rate_hz} it promised"
                )
            if open_s >= GOOD_S:
                self._wait_s = FIRST_WAIT_S
            if open_s - asked_s >= SCHEDULE_EVERY_S:
                asked_s = open_s
                if not self._schedule.is_open(time.time()):
                    return


def _is_flat(block: NDArray[np.float32]) -> bool:
    """Whether all values are one, or none is a number."""
    return bool((block == block[:1]).all() or not np.isfinite(block).any())
