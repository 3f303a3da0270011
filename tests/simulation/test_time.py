"""Every time that a recorder stores over months in the field is compared with the true time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from birdedge.edge.database import event_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.monitoring.status import read_status
from tests.support.station import DAY_S, START_S, Board, Station, always, never, weekly
from tests.support.streams import coverage_of, gaps_of

RECENT_S = 3600.0


def errors_of(folder: Path, station: Station) -> list[tuple[float, float | None]]:
    """Return the error of each event's UTC, and its stated uncertainty."""
    with reading(folder) as db:
        events = list(event_queries.events(db))
    assert len(events) == len(station.heard) > 100
    pairs = zip(events, station.heard, strict=True)
    return [(abs(event.utc_s - heard.utc_s), event.uncertainty_s) for event, heard in pairs]


def assert_times_are_as_stated(folder: Path, station: Station, *, synchronized: set[int]) -> float:
    """Compare each event with the truth, and return the largest error. Pass the boots that were ever synchronized."""
    errors = errors_of(folder, station)
    for (error_s, uncertainty_s), heard in zip(errors, station.heard, strict=True):
        assert (uncertainty_s is not None) == (heard.boot in synchronized), heard
        if uncertainty_s is not None:
            assert error_s <= uncertainty_s, heard
            if heard.since_sync_s < RECENT_S:
                assert error_s < 0.2, heard
    return max(error_s for error_s, uncertainty_s in errors if uncertainty_s is not None)


def assert_losses_are_right(folder: Path, station: Station, unknown: int = 0) -> None:
    found = gaps_of(folder)
    assert [cause for cause, _ in found] == [cause for cause, _ in station.lost_s]
    assert sum(length_s is None for _, length_s in found) == unknown
    for (cause, length_s), (_, true_s) in zip(found, station.lost_s, strict=True):
        if length_s is not None:
            assert length_s == pytest.approx(true_s, abs=0.4, rel=60e-6), cause


def busy_month(station: Station) -> None:
    """Lose samples, the microphone, the process and the power in the course of 27 days."""
    station.listen(3 * DAY_S)
    station.lose_samples(0.5)
    station.listen(3 * DAY_S)
    station.lose_device(7200.0)
    station.listen(2 * DAY_S)
    station.restart(90.0)
    station.listen(4 * DAY_S)
    for _ in range(20):
        station.listen(300.0)
        station.lose_device(240.0)
    station.listen(2 * DAY_S)
    station.lose_power(3 * DAY_S)
    station.listen(5 * DAY_S)
    station.restart(20.0)
    station.listen(5 * DAY_S)


def test_with_ntp_every_time_in_a_month_is_accurate_to_a_fifth_of_a_second(tmp_path: Path) -> None:
    station = Station(tmp_path, Board(always))
    busy_month(station)
    station.run_log.commit()
    status = read_status(tmp_path, station.board.utc_s + 1.0)
    assert (status.state, status.coverage_today) == ("listening", 1.0)
    assert status.last_audio_s == pytest.approx(1.0, abs=0.3)
    station.end()
    assert assert_times_are_as_stated(tmp_path, station, synchronized={0, 1}) < 0.2
    assert_losses_are_right(tmp_path, station)
    found = coverage_of(tmp_path)
    assert found.expected_s == pytest.approx(station.board.true_s - START_S, abs=1.0)


def test_a_duty_cycle_covers_a_third_of_the_time(tmp_path: Path) -> None:
    station = Station(tmp_path, Board(always), step_s=5.0)
    for _ in range(120):
        station.listen(20.0)
        station.lose_device(40.0)
    station.listen(20.0)
    station.end()
    assert_losses_are_right(tmp_path, station)
    assert coverage_of(tmp_path).share == pytest.approx(121 / 361, abs=1e-3)


@pytest.mark.parametrize(("corrects", "drift"), [("step", -20e-6), ("slew", 35e-6)])
def test_with_ntp_once_a_week_every_time_of_eleven_weeks_is_within_its_uncertainty(
    tmp_path: Path, corrects: Literal["step", "slew"], drift: float
) -> None:
    station = Station(tmp_path, Board(weekly, corrects, drift), step_s=240.0)
    for week in range(11):
        station.listen(3 * DAY_S)
        if week % 2:
            station.lose_device(600.0)
        station.listen(4 * DAY_S)
    station.end()
    assert assert_times_are_as_stated(tmp_path, station, synchronized={0}) < 1.5
    assert_losses_are_right(tmp_path, station)


def test_without_a_network_after_the_first_day_the_uncertainty_holds_for_two_months(tmp_path: Path) -> None:
    station = Station(tmp_path, Board(lambda true_s: true_s < START_S + DAY_S), step_s=240.0)
    station.listen(60 * DAY_S)
    station.end()
    assert assert_times_are_as_stated(tmp_path, station, synchronized={0}) > 1.0


def test_a_visit_after_a_week_corrects_the_week_and_no_other_boot(tmp_path: Path) -> None:
    visited_s = START_S + 40 * DAY_S
    station = Station(tmp_path, Board(lambda true_s: visited_s <= true_s < visited_s + 3600.0))
    station.listen(5 * DAY_S)
    station.lose_power(28 * DAY_S)
    station.listen(8 * DAY_S)  # the visit is on the last day
    station.lose_power(3 * DAY_S)
    station.listen(2 * DAY_S)
    station.end()
    assert_times_are_as_stated(tmp_path, station, synchronized={1})
    assert_losses_are_right(tmp_path, station, unknown=2)
    assert sum(gap.known_s for gap in coverage_of(tmp_path).gaps) == 0.0


def test_setting_the_clock_by_hand_corrects_the_boot_without_claiming_an_uncertainty(
    tmp_path: Path,
) -> None:
    station = Station(tmp_path, Board())
    station.board.set_by_hand(-50_000.0)
    station.listen(DAY_S)
    station.board.set_by_hand()
    station.listen(DAY_S)
    station.lose_power(5 * DAY_S)
    station.listen(DAY_S)
    station.board.set_by_hand()
    station.listen(DAY_S)
    station.end()
    errors = errors_of(tmp_path, station)
    assert max(error_s for error_s, _ in errors) < 7.0
    assert {uncertainty_s for _, uncertainty_s in errors} == {None}
    ((_, off_s),) = gaps_of(tmp_path)
    assert off_s == pytest.approx(5 * DAY_S, abs=7.0)


@pytest.mark.parametrize("network", [always, never])
def test_a_leap_second_shifts_no_time(tmp_path: Path, network: Callable[[float], bool]) -> None:
    leap_s = START_S + 10 * DAY_S
    board = Board(lambda true_s: true_s < START_S + 9.9 * DAY_S or network(true_s), leap_s=leap_s)
    station = Station(tmp_path, board)
    station.listen(12 * DAY_S)
    station.end()
    worst_s = assert_times_are_as_stated(tmp_path, station, synchronized={0})
    assert worst_s < (0.2 if network is always else 1.0)
