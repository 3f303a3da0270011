"""A station in the field for months: its crystals, its clock, its network, and the recorder that runs on it.

True time runs independently; the recorder sees only the clocks and the samples of the station. Each event is kept with
the true time at which it was heard, and each loss of audio with its true length.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from birdedge.edge.database.run_log import RunLog
from birdedge.edge.messages import RunEnded
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.times import ClockReading
from tests.support.streams import RATE_HZ, MessageStream, kill, started

DAY_S, YEAR_S = 86_400.0, 365.25 * 86_400.0
START_S = 19_900 * DAY_S  # true time, in seconds since 1970
POLL_S = 2048.0  # time between two NTP readings
NTP_ERROR_S = 0.02
MAX_ERROR_S = 16.0  # with a larger error, the kernel reports the clock as not synchronized
ERROR_GROWTH = 500e-6  # growth per second of the error that the kernel states
MAX_STEP_S = 240.0  # longest step of the simulation
SLEW = 0.08  # seconds per second: chrony


def never(_true_s: float) -> bool:
    return False


def always(_true_s: float) -> bool:
    return True


def weekly(true_s: float) -> bool:
    """Return whether the network is available: for an hour per week."""
    return (true_s - START_S) % (7 * DAY_S) < 3600.0


@dataclass
class Board:
    """The clocks of a machine whose crystal drifts, and follows the temperature of the day and the year.

    Args:
        network: whether NTP can be reached at a true time.
        corrects: how the time service corrects the clock.
        drift: mean error of the rate.
        leap_s: true time of a leap second.
    """

    network: Callable[[float], bool] = never
    corrects: Literal["step", "slew"] = "step"
    drift: float = -20e-6
    leap_s: float = math.inf
    true_s: float = START_S
    boot_s: float = 20.0
    boot: int = 0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(3))
    _wall_s: float = START_S  # the time that the clock shows
    _polled_s: float = -math.inf
    _left_s: float = 0.0  # rest of the correction in progress

    @property
    def utc_s(self) -> float:
        """True UTC."""
        return self.true_s - (self.true_s >= self.leap_s)

    @property
    def rate(self) -> float:
        """The error of the crystal's rate at present."""
        daily = 4e-6 * math.sin(2 * math.pi * self.true_s / DAY_S)
        return self.drift + daily + 8e-6 * math.sin(2 * math.pi * self.true_s / YEAR_S)

    def __call__(self) -> ClockReading:
        stated_s = 0.005 + ERROR_GROWTH * (self.true_s - self._polled_s)
        return ClockReading(self.boot_s, self._wall_s, stated_s < MAX_ERROR_S, min(stated_s, MAX_ERROR_S))

    def advance(self, seconds: float) -> None:
        """Let time pass, one second at a time if something is about to happen."""
        while seconds > 1e-9:
            step_s = min(seconds, 1.0) if self.is_busy else seconds
            passed_s = step_s * (1 + self.rate)
            leaps = self.true_s < self.leap_s <= self.true_s + step_s
            self.true_s, self.boot_s = self.true_s + step_s, self.boot_s + passed_s
            slewed_s = math.copysign(min(abs(self._left_s), SLEW * step_s), self._left_s)
            self._left_s -= slewed_s
            self._wall_s += passed_s + slewed_s - leaps
            self._follow_ntp()
            seconds -= step_s

    @property
    def is_busy(self) -> bool:
        """Whether the clock is being corrected, or a leap second is near."""
        soon_s = self.true_s + MAX_STEP_S
        is_polling = self.network(soon_s) and soon_s - self._polled_s >= POLL_S
        is_slewing = bool(self._left_s) or (self.corrects == "slew" and is_polling)
        return is_slewing or abs(self.true_s - self.leap_s) < MAX_STEP_S

    def lose_power(self, seconds: float) -> None:
        """Switch the power off; at the next start, the clock shows a time before the last one it showed."""
        self._wall_s -= self.rng.uniform(0.0, 3600.0)
        self.true_s += seconds
        self.boot, self.boot_s, self._polled_s, self._left_s = self.boot + 1, 20.0, -math.inf, 0.0

    def set_by_hand(self, wrong_s: float = 0.0) -> None:
        """Set the clock, to within a second."""
        self._wall_s = self.utc_s + wrong_s + self.rng.uniform(-1.0, 1.0)

    def _follow_ntp(self) -> None:
        if self.network(self.true_s) and self.true_s - self._polled_s >= POLL_S:
            self._polled_s = self.true_s
            error_s = self.utc_s - self._wall_s + self.rng.uniform(-NTP_ERROR_S, NTP_ERROR_S)
            if self.corrects == "step" or abs(error_s) > 100.0:
                self._wall_s += error_s
            else:
                self._left_s = error_s


@dataclass(frozen=True)
class Heard:
    """An event with its true time."""

    utc_s: float
    boot: int
    since_sync_s: float  # since the last contact with NTP; infinite if there was none in this boot


class Station:
    """A recorder on a board.

    Attributes:
        heard: all events, in the order of the rows.
        lost_s: cause and true length of each loss.
    """

    def __init__(self, folder: Path, board: Board, step_s: float = 120.0) -> None:
        self.heard: list[Heard] = []
        self.lost_s: list[tuple[str, float]] = []
        self._folder, self.board, self._step_s = folder, board, step_s
        self._steps = 0
        self._begin()

    def listen(self, seconds: float) -> None:
        """Listen, and detect an event every 20 steps."""
        until_s = self.board.true_s + seconds
        while self.board.true_s < until_s:
            board, stream = self.board, self.stream
            step_s = 1.0 if board.is_busy else min(self._step_s, until_s - board.true_s + 1e-6)
            sample, heard = stream.sample, Heard(board.utc_s, board.boot, board.true_s - board._polled_s)
            stream.drift = 45e-6 + 5e-6 * math.sin(2 * math.pi * board.true_s / DAY_S)
            late_s = 0.01 + min(0.15, float(board.rng.exponential(0.05)))
            stream.hear(step_s, every_s=step_s, late_s=late_s)
            self.run_log.follow_clock(board())
            self._steps += 1
            if self._steps % 20 == 0 and sample >= self._first_sample:
                self.heard.append(heard)
                stream.detect(sample / RATE_HZ)
            if self._steps % 200 == 0:
                self.run_log.commit()

    def wait(self, seconds: float) -> None:
        """Let time pass without audio."""
        until_s = self.board.true_s + seconds
        while self.board.true_s < until_s:
            self.board.advance(1.0 if self.board.is_busy else min(self._step_s, until_s - self.board.true_s))
            self.run_log.follow_clock(self.board())

    def lose_samples(self, seconds: float) -> None:
        self.lost_s.append(("overrun", seconds))
        self.stream.lose(seconds)

    def lose_device(self, seconds: float) -> None:
        """Lose the microphone; a sleeping machine looks the same."""
        self.lost_s.append(("device lost", seconds))
        self.stream.break_off()
        self.wait(seconds)
        self.stream.resume(late_s=0.05)
        self._first_sample = self.stream.sample

    def restart(self, seconds: float) -> None:
        """Kill the recorder and start it again."""
        self.lost_s.append(("restart", seconds))
        kill(self.run_log)
        self.board.advance(seconds - 5.0)
        self._begin(5.0)

    def lose_power(self, seconds: float) -> None:
        self.lost_s.append(("power lost", seconds))
        kill(self.run_log)
        self.board.lose_power(seconds - 5.0)
        self._begin(5.0)

    def end(self) -> None:
        self.stream.end()
        self.run_log.apply(RunEnded(self.stream.timekeeper.now(self.board())))
        self.run_log.close()

    def _begin(self, first_audio_s: float = 0.0) -> None:
        self.run_log: RunLog = started(self._folder, self.board, f"boot {self.board.boot}")
        timekeeper = Timekeeper(self.board(), self.run_log.utc)
        self.wait(first_audio_s)
        self.stream = MessageStream(self.run_log.apply, self.board, timekeeper, late_s=0.05)
        self._first_sample = 0
