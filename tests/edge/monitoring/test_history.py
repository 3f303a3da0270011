"""The hours of the days match the rows of the database, in any time zone and through its clock changes."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import astuple
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from birdedge.edge.database.connection import reading
from birdedge.edge.database.history_queries import events_per_bin
from birdedge.edge.monitoring.history import Day, Heard, history
from tests.support.station import Board, Station, weekly
from tests.support.streams import Clocks, MessageStream, kill, started

BERLIN = ZoneInfo("Europe/Berlin")


def utc_s(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


def days_of(
    folder: Path, first: date, last: date, zone: timezone | ZoneInfo, now_s: float
) -> tuple[Day, ...]:
    with reading(folder) as db:
        return history(db, first, last, zone, now_s)


def test_an_hour_has_its_events_and_its_heard_and_expected_seconds(tmp_path: Path) -> None:
    clocks = Clocks(utc_s=utc_s(2026, 5, 1, 3, 30))
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(900, every_s=60.0)
    stream.detect(100.0)
    stream.detect(200.0)
    stream.lose(300.0, "device lost")
    stream.lose(600.0, "paused by schedule")
    stream.hear(900, every_s=60.0)
    stream.detect(1900.0)
    kill(run_log)
    (day,) = days_of(tmp_path, date(2026, 5, 1), date(2026, 5, 1), UTC, utc_s(2026, 5, 1, 4, 30))
    assert astuple(day.hours[3]) == pytest.approx((2, 900.0, 1200.0, 3600.0))
    assert day.hours[3].per_hour == pytest.approx(8.0)
    assert day.hours[3].missed == pytest.approx(0.75)
    assert astuple(day.hours[4]) == pytest.approx((1, 900.0, 900.0, 1800.0))
    assert day.hours[2] == Heard(past_s=3600.0)
    assert day.hours[2].per_hour is None
    assert day.hours[5] == Heard()
    assert day.total.events == 3


@pytest.mark.parametrize(
    ("zone", "hour", "day"),
    [
        (UTC, 22, 1),
        (BERLIN, 0, 2),
        (ZoneInfo("Asia/Kathmandu"), 4, 2),  # 5 h 45 min ahead
        (ZoneInfo("America/St_Johns"), 20, 1),  # 2 h 30 min behind
        (timezone(timedelta(hours=-12)), 10, 1),
    ],
)
def test_hours_follow_the_time_zone(tmp_path: Path, zone: timezone | ZoneInfo, hour: int, day: int) -> None:
    clocks = Clocks(utc_s=utc_s(2026, 7, 1, 22, 50))
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(60)
    stream.detect(30.0)
    kill(run_log)
    days = days_of(tmp_path, date(2026, 7, 1), date(2026, 7, 2), zone, utc_s(2026, 7, 3))
    found = {(d.date.day, h) for d in days for h in range(24) if d.hours[h].events}
    assert found == {(day, hour)}
    assert days[day - 1].hours[hour].heard_s == pytest.approx(60.0)


def test_a_half_hour_clock_change_is_counted_in_full(tmp_path: Path) -> None:
    zone = ZoneInfo("Australia/Lord_Howe")  # 10 h 30 min ahead, 11 h in summer
    started(tmp_path, Clocks()).close()
    for day, length_s in ((date(2026, 4, 5), 24.5 * 3600), (date(2026, 10, 4), 23.5 * 3600)):
        (found,) = days_of(tmp_path, day, day, zone, utc_s(2027, 1, 1))
        assert found.total.past_s == length_s
        assert sum(hour.past_s == 3600.0 for hour in found.hours) == 23


@pytest.mark.parametrize(
    ("changes", "hours", "lengths_s"),
    [(date(2026, 3, 29), (1, 2, 3), (3600, 0, 3600)), (date(2026, 10, 25), (1, 2, 3), (3600, 7200, 3600))],
)
def test_a_day_on_which_clocks_change_has_23_or_25_hours(
    tmp_path: Path, changes: date, hours: tuple[int, ...], lengths_s: tuple[int, ...]
) -> None:
    clocks = Clocks(utc_s=utc_s(changes.year, changes.month, changes.day) - 3600.0)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    for _ in range(27):
        stream.hear(3600, every_s=600.0)
        stream.detect((stream.sample / 32_000) - 1800.0)
    kill(run_log)
    (day,) = days_of(tmp_path, changes, changes, BERLIN, clocks.utc_s)
    for hour, length_s in zip(hours, lengths_s, strict=True):
        assert day.hours[hour].past_s == length_s
        assert day.hours[hour].heard_s == pytest.approx(length_s, abs=1e-3)
        assert day.hours[hour].events == length_s // 3600
    assert day.hours[1].per_hour == day.hours[3].per_hour == pytest.approx(1.0)


@pytest.mark.parametrize("corrects", ["step", "slew"])
def test_events_are_counted_at_the_times_shown_in_the_view(tmp_path: Path, corrects: str) -> None:
    """The station runs for weeks; its clock is corrected, and it loses power, its microphone and samples."""
    station = Station(tmp_path, Board(weekly, corrects="slew" if corrects == "slew" else "step"))
    for _ in range(3):
        station.listen(4 * 86_400.0)
        station.lose_device(500.0)
        station.listen(86_400.0)
        station.lose_samples(3.0)
        station.restart(30.0)
        station.listen(86_400.0)
        station.lose_power(4000.0)
    station.end()
    with reading(tmp_path) as db:
        times = [row[0] for row in db.execute("SELECT utc_s FROM events")]
        assert len(times) > 500
        assert events_per_bin(db, 0.0, 4e9, 900.0) == sorted(Counter(int(t // 900) for t in times).items())
        rng = random.Random(1)
        for _ in range(20):
            since_s, until_s = sorted(rng.sample(times, 2))
            within = Counter(int(t // 900) for t in times if since_s <= t < until_s)
            found = dict(events_per_bin(db, since_s, until_s, 900.0))
            assert abs(sum(found.values()) - within.total()) <= 2  # at the two ends, by rounding
            assert set(within) >= set(found) - {int(since_s // 900), int(until_s // 900)}


def test_a_day_before_the_first_run_counts_as_not_heard(tmp_path: Path) -> None:
    started(tmp_path, Clocks()).close()
    (day,) = days_of(tmp_path, date(2026, 5, 1), date(2026, 5, 1), BERLIN, time.time())
    assert {hour.per_hour for hour in day.hours} == {None}
    assert {hour.missed for hour in day.hours} <= {0.0, 1.0}
