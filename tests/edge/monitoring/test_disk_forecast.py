"""The disk forecast says how much is written per day, or that it is unknown if too little was heard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from birdedge.edge.messages import ClipWritten
from birdedge.edge.monitoring.disk_forecast import DiskForecast, disk_forecast
from tests.support.streams import RATE_HZ, Clocks, MessageStream, connection_of, kill, started

DAY_S = 86_400.0


def recorded(folder: Path, days: float, clips_per_day: int = 4) -> float:
    """Record with clips of 1 MB, and return when it ended."""
    clocks = Clocks()
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    for number in range(round(days * clips_per_day)):
        stamp = stream.timekeeper.stamp(stream.sample)
        stream.hear(DAY_S / clips_per_day, every_s=DAY_S / clips_per_day)
        run_log.apply(ClipWritten(f"clips/{number}.flac", stamp, RATE_HZ, 1_000_000, 0.9))
    kill(run_log)
    return clocks.utc_s


def test_each_rate_is_measured_over_the_last_week(tmp_path: Path) -> None:
    now_s = recorded(tmp_path, 10)
    (tmp_path / "20260501T000000Z.csv").write_bytes(bytes(7000))
    (tmp_path / "20260401T000000Z.csv").write_bytes(bytes(9000))
    (tmp_path / "notes.txt").write_bytes(bytes(9000))
    for name, age_s in (("20260501T000000Z.csv", 3600.0), ("20260401T000000Z.csv", 8 * DAY_S)):
        os.utime(tmp_path / name, (now_s - age_s, now_s - age_s))
    found = disk_forecast(tmp_path, now_s)
    database_bytes = (tmp_path / "birdedge.sqlite").stat().st_size
    assert found.clip_bytes_per_day == pytest.approx(4e6, rel=0.01)
    assert found.table_bytes_per_day == pytest.approx(1000.0, rel=0.01)
    assert found.database_bytes_per_day == pytest.approx(database_bytes / 10, rel=0.01)
    assert found.bytes_per_day is not None
    assert found.days_left == pytest.approx(found.free_bytes / found.bytes_per_day)


@pytest.mark.parametrize("days", [0.0, 0.75])
def test_less_than_a_day_of_data_gives_no_forecast(tmp_path: Path, days: float) -> None:
    found = disk_forecast(tmp_path, recorded(tmp_path, days))
    assert found.known_s == pytest.approx(days * DAY_S)
    assert (found.clip_bytes_per_day, found.bytes_per_day, found.days_left) == (None, None, None)
    assert found.free_bytes > 0


def test_deleted_clips_do_not_lower_the_rate(tmp_path: Path) -> None:
    now_s = recorded(tmp_path, 6)
    with connection_of(tmp_path) as db:
        db.execute("DELETE FROM clips WHERE id <= 16")  # the clips of the first four days
    assert disk_forecast(tmp_path, now_s).clip_bytes_per_day == pytest.approx(4e6, rel=0.01)


def test_a_boot_whose_clock_was_never_right_does_not_lower_the_rates(tmp_path: Path) -> None:
    desk = Clocks(synchronized=False)
    desk.utc_s -= 9 * DAY_S
    run_log = started(tmp_path, desk, "desk")
    stream = MessageStream(run_log.apply, desk)
    stream.hear(60.0)
    run_log.apply(ClipWritten("clips/desk.flac", stream.timekeeper.stamp(0), RATE_HZ, 1_000_000, 0.9))
    kill(run_log)
    assert disk_forecast(tmp_path, Clocks().utc_s).known_s > 0  # nothing better is known
    found = disk_forecast(tmp_path, recorded(tmp_path, 2))
    assert found.known_s == pytest.approx(2 * DAY_S)
    assert found.clip_bytes_per_day == pytest.approx(4e6, rel=0.01)


def test_a_disk_that_nothing_is_written_to_never_fills_up() -> None:
    assert DiskForecast(1000, 2000, 9e5, 0.0, 0.0, 0.0).days_left is None
