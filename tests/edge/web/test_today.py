"""The picture of the day: bars for events, gaps for time not heard, and the local sunrise and sunset."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from birdedge.edge.database.connection import reading
from birdedge.edge.web.today import HEIGHT, WIDTH, Today, today
from tests.support.streams import Clocks, MessageStream, started

BERLIN, PLACE = ZoneInfo("Europe/Berlin"), (52.52, 13.405)
HOUR = WIDTH / 24


def utc_s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recorder that heard from 6:30 to 9:30 UTC, but not from 7:00 to 8:00; one event at 6:30 and three at 9:00."""
    clocks = Clocks(utc_s=utc_s("2026-05-06T06:30"))
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.detect(0.0)
    stream.hear(1800.0, every_s=60.0)
    stream.break_off()
    clocks.advance(3600.0)
    stream.resume()
    stream.hear(5400.0, every_s=60.0)
    for at_s in (9000.0, 9001.0, 9300.0):
        stream.detect(at_s)
    run_log.commit()
    run_log.close()
    return tmp_path


def day_of(folder: Path, zone: ZoneInfo = BERLIN, at: str = "2026-05-06T09:30") -> Today:
    with reading(folder) as db:
        return today(db, utc_s(at), zone, PLACE)


def test_each_hour_has_a_bar_of_its_events(folder: Path) -> None:
    day = day_of(folder)
    assert len(day.bars) == 24
    assert {bar.begins.hour: bar.events for bar in day.bars if bar.events} == {8: 1, 11: 3}
    assert (day.events, day.max_events) == (4, 3)
    tallest = day.bars[11]
    assert (tallest.x, tallest.height, tallest.y) == (11 * HOUR + 1, HEIGHT, 0.0)
    assert day.bars[8].height == pytest.approx(HEIGHT / 3, abs=0.01)
    assert day.now_x == pytest.approx(11.5 * HOUR)


def test_the_day_follows_the_time_zone_of_the_viewer(folder: Path) -> None:
    day = day_of(folder, ZoneInfo("Pacific/Auckland"))
    assert {bar.begins.hour: bar.events for bar in day.bars if bar.events} == {18: 1, 21: 3}
    assert day_of(folder, at="2026-05-07T09:30").events == 0


def test_the_hour_that_midnight_is_repeated_in_belongs_to_its_day(folder: Path) -> None:
    """In Cuba, 1:00 is set back to 0:00."""
    first, second = (day_of(folder, ZoneInfo("America/Havana"), f"2026-11-01T0{hour}:30") for hour in (4, 5))
    assert first.hours == second.hours


def test_a_gap_is_shown_where_nothing_was_heard(folder: Path) -> None:
    (gap,) = day_of(folder).gaps
    assert gap.name == "device lost"
    assert gap.x == pytest.approx(9 * HOUR, abs=0.1)
    assert gap.width == pytest.approx(HOUR, abs=0.1)


def test_the_nights_follow_the_sun_of_the_place(folder: Path) -> None:
    day = day_of(folder)
    assert [(mark.name, f"{mark.time:%H:%M}") for mark in day.sun] == [
        ("sunrise", "05:25"),
        ("sunset", "20:41"),
    ]
    assert [night.x for night in day.nights] == [0.0, day.sun[1].x]
    assert day.nights[0].width == day.sun[0].x
    with reading(folder) as db:
        assert today(db, utc_s("2026-06-20T09:30"), BERLIN, (78.22, 15.65)).nights == ()
        assert today(db, utc_s("2026-06-20T09:30"), BERLIN).sun == ()


def test_a_day_of_25_hours_has_25_bars(folder: Path) -> None:
    day = day_of(folder, at="2026-10-25T12:00")
    assert len(day.bars) == 25
    assert [mark.name for mark in day.hours] == ["00", "06", "12", "18"]
    assert day.bars[-1].x + day.bars[-1].width == pytest.approx(WIDTH - 1, abs=0.1)
