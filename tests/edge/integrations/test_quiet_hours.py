"""Quiet hours follow local time, across midnight and through clock changes."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.quiet_hours import day_begin_utc_s, is_quiet, minutes, zone

BERLIN = "Europe/Berlin"


def utc_s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def local_s(text: str, timezone: str = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone), fold=fold).timestamp()


@pytest.mark.parametrize(
    ("clock", "quiet"),
    [("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("05:59", True), ("06:00", False)],
)
@pytest.mark.parametrize("date", ["2026-01-15", "2026-07-15"])
def test_quiet_hours_span_midnight_in_winter_and_summer(clock: str, quiet: bool, date: str) -> None:
    assert is_quiet(["22:00..06:00"], BERLIN, local_s(f"{date} {clock}")) is quiet


@pytest.mark.parametrize(("clock", "quiet"), [("12:59", False), ("13:00", True), ("14:30", False)])
def test_quiet_hours_can_lie_within_a_day(clock: str, quiet: bool) -> None:
    assert is_quiet(["13:00..14:30", "22:00..06:00"], BERLIN, local_s(f"2026-05-01 {clock}")) is quiet


def test_a_clock_change_shortens_quiet_hours() -> None:
    # On 29 March 2026 the clock jumps from 02:00 to 03:00, at 01:00 UTC.
    assert not is_quiet(["02:00..03:00"], BERLIN, utc_s("2026-03-29 00:59:59"))
    assert not is_quiet(["02:00..03:00"], BERLIN, utc_s("2026-03-29 01:00"))
    quiet_h = (
        sum(is_quiet(["22:00..06:00"], BERLIN, utc_s("2026-03-28 12:00") + 60 * n) for n in range(1440)) / 60
    )
    assert quiet_h == 7


def test_a_clock_change_lengthens_quiet_hours() -> None:
    # On 25 October 2026 the hour from 02:00 to 03:00 occurs twice.
    for fold in (0, 1):
        assert is_quiet(["02:00..03:00"], BERLIN, local_s("2026-10-25 02:30", fold=fold))
    quiet_h = (
        sum(is_quiet(["22:00..06:00"], BERLIN, utc_s("2026-10-24 12:00") + 60 * n) for n in range(1440)) / 60
    )
    assert quiet_h == 9


def test_no_time_is_quiet_without_quiet_hours() -> None:
    assert not is_quiet([], BERLIN, 0.0)


def test_the_day_begins_at_local_midnight() -> None:
    assert day_begin_utc_s(BERLIN, local_s("2026-07-15 00:10")) == local_s("2026-07-15 00:00")
    assert day_begin_utc_s(BERLIN, local_s("2026-10-25 23:00")) == local_s("2026-10-25 00:00")
    assert day_begin_utc_s("Pacific/Auckland", utc_s("2026-07-15 13:00")) == utc_s("2026-07-15 12:00")
    # In Lebanon the clock jumps from 00:00 to 01:00 on 29 March 2026.
    assert day_begin_utc_s("Asia/Beirut", utc_s("2026-03-29 12:00")) == utc_s("2026-03-28 22:00")


@pytest.mark.parametrize(
    "hours", ["", "22..6", "24:00..06:00", "22:00-06:00", "22:60..06:00", "6:00..06:00", "22:00..06:00\n"]
)
def test_malformed_hours_are_refused(hours: str) -> None:
    with pytest.raises(SettingsError, match="quiet_hours has"):
        minutes(hours)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "/etc/localtime", "a\0b", "Europe"])
def test_a_nonexistent_time_zone_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="timezone is"):
        zone(name)
