"""UTC follows the moments at which the clock was synchronized, and has an uncertainty between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from birdedge.edge.pipeline.utc_line import (
    CRYSTAL,
    MIN_DISTANCE_S,
    SYNCHRONIZED_S,
    WANDER,
    ClockLine,
    UtcLine,
)
from birdedge.edge.times import ClockReading

DAY_S = 86_400.0
OFFSET_S = 1.7e9


def reading(
    boot_s: float, off_s: float = 0.0, *, right: bool = True, max_error_s: float = 0.0
) -> ClockReading:
    """Return a reading; `off_s` is how much the boot clock has lagged behind UTC since its start."""
    return ClockReading(boot_s, boot_s + OFFSET_S + off_s, right, max_error_s)


class Boot:
    """The UTC line of a boot, with all lines that the database would hold."""

    def __init__(self, *readings: ClockReading) -> None:
        self.line = UtcLine()
        self._stored: list[ClockLine] = []
        self.follow(*readings)

    def follow(self, *readings: ClockReading) -> None:
        for one in readings:
            self.line = self.line.follow(one)
            first_s = self.line.lines[0].from_s
            self._stored = [old for old in self._stored if old.from_s < first_s] + list(self.line.lines)

    def __len__(self) -> int:
        return len(self._stored)

    def at(self, boot_s: float) -> ClockLine:
        return next(one for one in reversed(self._stored) if one.from_s <= boot_s)

    def off_s(self, boot_s: float) -> float:
        """Return the offset minus the offset at the start."""
        return self.at(boot_s).offset_at(boot_s) - OFFSET_S

    def error_s(self, boot_s: float) -> float:
        error_s = self.at(boot_s).error_at(boot_s)
        assert error_s is not None
        return error_s


def test_utc_is_unknown_before_any_reading() -> None:
    assert UtcLine().utc_s(5.0) is None
    assert UtcLine().lines == ()


@pytest.mark.parametrize("week", range(1, 11))
def test_every_week_keeps_its_time_in_eleven_weeks_of_weekly_ntp_and_20_ppm_drift(week: int) -> None:
    """Before, the offset of the whole boot followed the last reading, which was wrong by 131 s after eleven weeks."""
    rate, boot = 20e-6, Boot()
    for number in range(12):
        at_s = number * 7 * DAY_S + 100.0
        boot.follow(reading(at_s, rate * at_s))
        boot.follow(reading(at_s + 3600.0, rate * (at_s + 3600.0), max_error_s=1.8))
    at_s = (week + 0.5) * 7 * DAY_S + 100.0
    assert boot.off_s(at_s) == pytest.approx(rate * at_s, abs=1e-3)
    assert boot.error_s(at_s) == pytest.approx(SYNCHRONIZED_S + 2 * WANDER * 7 * DAY_S / 4, rel=1e-3)


def test_after_the_last_reading_the_fitted_rate_applies_and_uncertainty_grows() -> None:
    rate = 40e-6
    boot = Boot(*(reading(hour * 3600.0, rate * hour * 3600.0) for hour in range(24 * 8)))
    last_s = (24 * 8 - 1) * 3600.0
    later_s = last_s + 10 * DAY_S
    assert boot.off_s(later_s) == pytest.approx(rate * later_s, abs=rate * 10 * DAY_S * 0.15)
    errors_s = [boot.error_s(last_s + day * DAY_S) for day in range(4)]
    assert errors_s == sorted(errors_s)
    assert errors_s[0] == pytest.approx(SYNCHRONIZED_S)
    assert errors_s[3] - errors_s[2] >= WANDER * DAY_S


def test_before_the_first_reading_the_uncertainty_grows_backwards() -> None:
    boot = Boot(reading(5.0, -3600.0, right=False), reading(1200.0))
    assert boot.off_s(5.0) == 0.0
    assert boot.error_s(1200.0) == pytest.approx(SYNCHRONIZED_S)
    assert boot.error_s(200.0) == pytest.approx(SYNCHRONIZED_S + 1000.0 * CRYSTAL)


@pytest.mark.parametrize("step_s", [-1.0, 1.0])
def test_a_leap_second_moves_nothing_before_it(step_s: float) -> None:
    midnight_s = DAY_S - OFFSET_S % DAY_S
    boot = Boot(*(reading(midnight_s - before_s) for before_s in (7200.0, 3600.0, 0.4)))
    boot.follow(reading(midnight_s + 0.6, step_s, max_error_s=1.8))
    boot.follow(*(reading(midnight_s + after_s, step_s) for after_s in (1800.0, 3600.0, 7200.0)))
    assert boot.off_s(midnight_s - 1.0) == pytest.approx(0.0, abs=1e-6)
    assert boot.off_s(midnight_s + 1.0) == pytest.approx(step_s, abs=1e-6)
    assert boot.error_s(midnight_s - 1.0) == pytest.approx(SYNCHRONIZED_S, abs=0.05)
    assert boot.error_s(midnight_s + 1000.0) < SYNCHRONIZED_S + 0.1


def test_a_step_too_large_for_drift_is_added_to_the_uncertainty() -> None:
    boot = Boot(reading(0.0), reading(1000.0), reading(2000.0, 5.0), reading(3000.0, 5.0))
    assert boot.off_s(500.0) == pytest.approx(0.0)
    assert boot.off_s(2500.0) == pytest.approx(5.0)
    assert min(boot.error_s(at_s) for at_s in (1001.0, 1500.0, 1999.0)) >= 5.0
    assert max(boot.error_s(500.0), boot.error_s(2500.0)) < 0.2


def test_a_reading_counts_only_if_the_clock_was_synchronized_since_the_last_one() -> None:
    """The kernel calls a clock synchronized for nine hours after the last contact with NTP."""
    boot = Boot(reading(0.0, max_error_s=0.01))
    before = boot.line.lines
    for hour in range(1, 9):
        boot.follow(reading(hour * 3600.0, -50e-6 * hour * 3600.0, max_error_s=0.01 + hour * 1.8))
    assert boot.line.lines == before
    boot.follow(reading(9 * 3600.0, max_error_s=0.01))
    assert boot.line.lines[-1].from_s == 9 * 3600.0


def test_a_better_reading_replaces_one_made_hours_after_the_last_synchronization() -> None:
    boot = Boot(reading(100.0, 0.9, max_error_s=10.0), reading(2000.0, 0.0, max_error_s=0.0))
    assert boot.off_s(100.0) == 0.0
    assert boot.error_s(100.0) < 0.5


def test_a_clock_that_is_being_slewed_is_read_when_it_is_right() -> None:
    """Chrony corrects an error by making the clock up to 8 % faster, and reports it as synchronized from the start."""
    boot = Boot(reading(0.0), reading(DAY_S - 1.0, right=False))
    boot.follow(*(reading(DAY_S + second, min(0.08 * second, 2.0), max_error_s=0.01) for second in range(40)))
    assert boot.off_s(DAY_S + 100.0) == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("every_s", [1.0, 64.0, 1024.0])
def test_frequent_readings_add_few_lines(every_s: float) -> None:
    boot = Boot()
    for number in range(round(DAY_S / 4 / every_s)):
        boot.follow(reading(number * every_s, number * every_s * 20e-6))
    assert len(boot) <= DAY_S / 4 / MIN_DISTANCE_S + 2


def test_another_run_of_the_same_boot_continues_the_line() -> None:
    readings = [reading(hour * 3600.0, 30e-6 * hour * 3600.0) for hour in range(100)]
    line = Boot(*readings[:60]).line
    again = UtcLine.of_boot(line.state, line.lines[-1])
    for one in readings[60:]:
        line, again = line.follow(one), again.follow(one)
    assert again.lines[-1].offset_s == line.lines[-1].offset_s
    assert again.lines[-1].slope == pytest.approx(line.lines[-1].slope, rel=1e-6)
    assert again.lines[-1].wander == pytest.approx(line.lines[-1].wander, rel=1e-6)


def test_with_a_clock_chip_the_clock_is_trusted_but_its_error_is_unknown() -> None:
    line = Boot(replace(reading(5.0, right=False), chip_agrees=True)).line
    assert (line.state, line.lines[0].error_at(5.0)) == ("set", None)
