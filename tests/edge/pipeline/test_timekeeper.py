"""Samples map to time although they arrive late, the crystal drifts, and the device is lost now and then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from birdedge.edge.pipeline.timekeeper import ARRIVAL_S, Timekeeper
from birdedge.edge.pipeline.utc_line import UtcLine
from birdedge.edge.times import ClockReading

RATE_HZ = 48_000
DAY_S = 86_400.0
BOOT_S = 1000.0
UTC_OFFSET_S = 1.7e9


def reading(boot_s: float, synchronized: bool = True, offset_s: float = UTC_OFFSET_S) -> ClockReading:
    return ClockReading(boot_s, boot_s + offset_s, synchronized)


@dataclass
class Crystal:
    """A microphone whose samples arrive late by random delays, and whose lost samples are counted with an error."""

    drift: float
    keeper: Timekeeper
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    true_s: float = BOOT_S  # boot clock at the latest sample
    exact_sample: float = 0.0

    @property
    def sample(self) -> int:
        return round(self.exact_sample)

    def __post_init__(self) -> None:
        self.keeper.begin_stream(RATE_HZ)

    def hear(self, seconds: float, every_s: float = 1.0) -> Iterator[tuple[int, float]]:
        """Hear audio; yield the sample and its true time at each arrival."""
        for _ in range(round(seconds / every_s)):
            self.true_s += every_s
            self.exact_sample += every_s * RATE_HZ * (1 + self.drift)
            self._arrive()
            yield self.sample, self.true_s

    def lose(self, seconds: float) -> None:
        """Lose the device: the count of lost samples is an estimate at the nominal rate, off by up to 0.3 s."""
        self.true_s += seconds
        self.exact_sample += max(1.0, (seconds + self.rng.uniform(-0.3, 0.3)) * RATE_HZ)
        self.keeper.reopened(self.sample)
        self._arrive()
        self.keeper.begin_span(self.sample)

    def _arrive(self) -> None:
        late_s = 0.01 + float(self.rng.exponential(0.05))
        self.keeper.arrived(self.sample, reading(self.true_s + late_s))


@pytest.mark.parametrize("drift", [0.0, 50e-6, -52e-6, 300e-6])
def test_the_drift_of_the_crystal_is_estimated(drift: float) -> None:
    keeper = Timekeeper()
    for sample, true_s in Crystal(drift, keeper).hear(3 * 3600):
        if true_s > BOOT_S + 7200:
            assert keeper.stamp(sample).boot_s == pytest.approx(true_s, abs=0.1)
    assert keeper.drift == pytest.approx(drift, abs=3e-6)
    assert ARRIVAL_S <= keeper.uncertainty_s < ARRIVAL_S + 0.1


def test_the_nominal_rate_and_the_least_late_arrival_apply_at_first() -> None:
    keeper = Timekeeper()
    keeper.begin_stream(RATE_HZ)
    for sample, boot_s in [(48_000, 11.5), (96_000, 12.1), (144_000, 13.9)]:
        keeper.arrived(sample, reading(boot_s))
    assert keeper.drift == 0.0
    assert keeper.stamp(0).boot_s == pytest.approx(10.1)
    assert keeper.stamp(96_000).boot_s == pytest.approx(12.1)
    assert keeper.stamp(96_000).elapsed_s == pytest.approx(2.0)


def test_an_unreported_jump_is_not_mistaken_for_drift() -> None:
    keeper = Timekeeper()
    crystal = Crystal(0.0, keeper)
    list(crystal.hear(1800))
    crystal.true_s += 60.0  # as if the clock had moved, but not the count
    list(crystal.hear(1800))
    assert keeper.drift == 0.0
    assert keeper.uncertainty_s > 1.0


@pytest.mark.parametrize("drift", [100e-6, -100e-6, 50e-6])
def test_over_14_days_with_three_losses_every_time_and_every_gap_is_right_to_a_tenth_of_a_second(
    drift: float,
) -> None:
    keeper = Timekeeper(reading(BOOT_S))
    crystal = Crystal(drift, keeper)
    losses = {1 * DAY_S: 1.0, 5 * DAY_S: 20.0, 14 * DAY_S - 7 * 3600: 7200.0}
    heard_s, errors, gap_errors = 0.0, [], []
    for at_s, lost_s in [*losses.items(), (14 * DAY_S, 0.0)]:
        # Every second near the losses, every 20 s between them, to save time.
        for sample, true_s in crystal.hear(at_s - heard_s - 3600, every_s=20.0):
            errors.append(keeper.stamp(sample).boot_s - true_s)
        for sample, true_s in crystal.hear(3600):
            errors.append(keeper.stamp(sample).boot_s - true_s)
        heard_s = at_s
        if not lost_s:
            break
        before = keeper.stamp(crystal.sample)
        crystal.lose(lost_s)
        for sample, true_s in crystal.hear(3600):
            errors.append(keeper.stamp(sample).boot_s - true_s)
        gap_errors.append(keeper.span.boot_s - before.boot_s - lost_s)
        heard_s += 3600
    settled = errors[5:]  # in the first seconds, only the uncertainty is guaranteed
    assert max(abs(error) for error in settled) < 0.1
    assert max(abs(error) for error in gap_errors) < 0.1
    assert keeper.stamp(crystal.sample).utc_s == pytest.approx(crystal.true_s + UTC_OFFSET_S, abs=0.1)
    assert keeper.stamp(crystal.sample).elapsed_s == pytest.approx(crystal.true_s - BOOT_S, abs=0.1)


def test_the_first_seconds_after_a_loss_are_within_the_stated_uncertainty() -> None:
    keeper = Timekeeper(reading(BOOT_S))
    crystal = Crystal(80e-6, keeper)
    list(crystal.hear(7200))
    for _ in range(5):
        crystal.lose(30.0)
        for sample, true_s in crystal.hear(10, every_s=0.25):
            stamp = keeper.stamp(sample)
            assert abs(stamp.boot_s - true_s) <= stamp.uncertainty_s
        list(crystal.hear(600))
    assert keeper.drift == pytest.approx(80e-6, abs=5e-6)


def test_samples_before_a_loss_keep_their_time() -> None:
    keeper = Timekeeper()
    crystal = Crystal(0.0, keeper)
    list(crystal.hear(600))
    before = keeper.stamp(crystal.sample - RATE_HZ)
    crystal.lose(100.0)
    list(crystal.hear(600))
    assert keeper.stamp(before.sample).boot_s == pytest.approx(before.boot_s, abs=0.01)


def test_a_counted_loss_continues_the_line() -> None:
    keeper = Timekeeper()
    crystal = Crystal(50e-6, keeper)
    list(crystal.hear(3600))
    lost = round(0.5 * RATE_HZ)
    before = keeper.stamp(crystal.sample)
    crystal.exact_sample += lost
    crystal.true_s += 0.5 / (1 + crystal.drift)
    keeper.begin_span(crystal.sample)
    assert keeper.span.boot_s - before.boot_s == pytest.approx(0.5, abs=1e-3)
    for sample, true_s in crystal.hear(60):
        assert keeper.stamp(sample).boot_s == pytest.approx(true_s, abs=0.1)


def test_a_recording_has_its_nominal_rate_and_no_utc() -> None:
    keeper = Timekeeper()
    keeper.begin_stream(44_100)
    stamp = keeper.stamp(123_457)
    assert stamp.boot_s == stamp.elapsed_s == 123_457 / 44_100
    assert stamp.utc_s is None
    assert not stamp.synchronized


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 20 * 365.25 * DAY_S])
def test_utc_follows_the_clock_once_it_is_synchronized(step_s: float) -> None:
    keeper = Timekeeper(reading(BOOT_S, synchronized=False))
    keeper.begin_stream(RATE_HZ)
    keeper.arrived(RATE_HZ, reading(BOOT_S + 1, synchronized=False))
    assert keeper.stamp(RATE_HZ).utc_s == pytest.approx(BOOT_S + 1 + UTC_OFFSET_S)
    assert not keeper.stamp(RATE_HZ).synchronized
    keeper.arrived(2 * RATE_HZ, reading(BOOT_S + 2, True, UTC_OFFSET_S + step_s))
    assert keeper.stamp(RATE_HZ).utc_s == pytest.approx(BOOT_S + 1 + UTC_OFFSET_S + step_s)
    assert keeper.stamp(RATE_HZ).synchronized


def test_utc_from_an_earlier_run_outranks_an_unsynchronized_clock() -> None:
    keeper = Timekeeper(reading(BOOT_S, synchronized=False, offset_s=7.0), UtcLine().follow(reading(900.0)))
    assert keeper.now(reading(BOOT_S, synchronized=False, offset_s=7.0)).utc_s == BOOT_S + UTC_OFFSET_S
    stamp = keeper.now(reading(BOOT_S, synchronized=True, offset_s=9.0))
    assert stamp.utc_s == BOOT_S + 9.0
