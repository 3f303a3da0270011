"""A microphone that is lost as scripted by a test, on its own clocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.microphone import Microphone
from birdedge.edge.block import Block
from birdedge.edge.errors import DeviceError, DeviceLostError
from birdedge.edge.gap import GapCause
from birdedge.edge.recorder.reconnecting_microphone import ReconnectingMicrophone
from birdedge.edge.recorder.schedule import Schedule, ScheduleSettings
from tests.support.streams import Clocks

RATE_HZ = 8_000
BLOCK_S = 0.5
NOISE = np.linspace(0, 1, round(BLOCK_S * RATE_HZ), dtype=np.float32)[:, np.newaxis]
ALWAYS = ScheduleSettings()
START_S = 1_200_000.0  # UTC at which a cycle of the schedule starts
Opening = Callable[["FakeMicrophone"], Iterator[Block]] | DeviceError


class FakeMicrophone:
    """A microphone with a script for each time it is opened; after the last one, it stops the recorder."""

    name, channels = "fake", 1
    is_hardware, has_ended, overflows, waiting_samples = True, False, 0, 0

    def __init__(self, clocks: Clocks, openings: list[Opening], stop: threading.Event) -> None:
        self.sample_rate_hz, self.delivered_samples, self.min_block_samples = RATE_HZ, 0, 0
        self.is_open = False
        self.opened_s: list[float] = []  # every attempt
        self.clocks, self._openings, self._stop = clocks, openings, stop

    def open(self) -> None:
        assert not self.is_open
        self.opened_s.append(self.clocks.boot_s)
        self.delivered_samples = 0
        if self._openings and isinstance(self._openings[0], DeviceError):
            raise cast(DeviceError, self._openings.pop(0))
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def set_min_block(self, samples: int) -> None:
        self.min_block_samples = samples

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        if not self._openings:
            self._stop.set()
            return
        opening = self._openings.pop(0)
        assert not isinstance(opening, DeviceError)
        for block in opening(self):
            yield block
            if stop.is_set():
                return

    def deliver(
        self,
        seconds: float,
        *,
        passed_s: float = BLOCK_S,
        counted_s: float = BLOCK_S,
        samples: NDArray[np.float32] = NOISE,
    ) -> Iterator[Block]:
        """Yield blocks of half a second; for each, time passes and samples are counted."""
        for _ in range(round(seconds / BLOCK_S)):
            self.clocks.advance(passed_s)
            self.delivered_samples += round(counted_s * RATE_HZ)
            yield Block(samples, arrived=self.clocks())

    def lose(self, reason: str = "stopped") -> None:
        raise DeviceLostError(f"'fake' {reason}: check that it is still plugged in")


class Stop(threading.Event):
    """A stop event whose waits pass at once on the clocks."""

    def __init__(self, clocks: Clocks) -> None:
        super().__init__()
        self.waits_s: list[float] = []
        self.at: float | None = None  # UTC at which it is set
        self._clocks = clocks

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0.0)
        self._clocks.advance(timeout or 0.0)
        if self.at is not None and self._clocks.utc_s >= self.at:
            self.set()
        return self.is_set()


class Bench:
    """A reconnecting microphone on fake clocks, and its reports."""

    def __init__(
        self, openings: list[Opening], schedule: ScheduleSettings = ALWAYS, first_wait_s: float = 0.0
    ) -> None:
        self.clocks = Clocks(utc_s=START_S)
        self.stop = Stop(self.clocks)
        self.microphone = FakeMicrophone(self.clocks, openings, self.stop)
        self.gaps: list[tuple[GapCause, float]] = []
        self.waiting_s: list[float] = []
        self.reconnecting = ReconnectingMicrophone(
            cast(Microphone, self.microphone),
            Schedule(schedule, None, None),
            lambda cause: self.gaps.append((cause, self.clocks.utc_s)),
            lambda: self.waiting_s.append(self.clocks.utc_s),
            self.clocks,
            first_wait_s,
        )

    def blocks(self) -> list[Block]:
        assert self.reconnecting.open(self.stop)
        return list(self.reconnecting.blocks(self.stop))

    def losses(self) -> int:
        self.blocks()
        return self.reconnecting.losses


def in_time(seconds: float) -> Callable[[FakeMicrophone], Iterator[Block]]:
    return lambda microphone: microphone.deliver(seconds)


def then_lost(seconds: float) -> Callable[[FakeMicrophone], Iterator[Block]]:
    def opening(microphone: FakeMicrophone) -> Iterator[Block]:
        yield from microphone.deliver(seconds)
        microphone.lose()

    return opening


def gaps_of(blocks: list[Block]) -> list[tuple[str, float]]:
    return [(str(b.gap_cause), round(b.gap_samples / RATE_HZ, 3)) for b in blocks if b.gap_samples]
