"""Clock windows, duty cycles, clock changes, and every change of a schedule against a slow reference."""

import numpy as np
import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.recorder.schedule import Schedule, ScheduleSettings
from birdedge.edge.settings import from_table
from tests.support.schedules import (
    BERLIN,
    DAY_S,
    LONGYEARBYEN,
    NOWHERE,
    REYKJAVIK,
    openings,
    opens,
    schedule,
    utc_s,
)


def test_a_schedule_without_windows_is_always_open():
    made = schedule()
    assert all(made.is_open(at) for at in (0.0, 1.5, utc_s("2026-06-01T12:00")))
    assert made.next_change_s(utc_s("2026-06-01T12:00")) is None


def test_the_outlook_states_opening_and_closing_in_the_time_zone_of_the_schedule():
    made = schedule("04:30..09:00", timezone="Europe/Berlin")
    assert made.outlook(utc_s("2026-05-01T01:00")) == (
        "closed until 2026-05-01 04:30:00 CEST, then open until 2026-05-01 09:00:00 CEST"
    )
    assert made.outlook(utc_s("2026-05-01T06:59:59")) == "open until 2026-05-01 09:00:00 CEST"
    assert schedule(listen_s=60.0, every_s=420.0).outlook(1.0) == "open until 1970-01-01 00:01:00 UTC"


def test_the_outlook_of_a_schedule_that_never_changes_says_so():
    assert schedule().outlook(utc_s("2026-05-01T01:00")) == "open for the next 400 days"
    never = schedule("04:30..04:50", listen_s=600, every_s=3600)
    assert never.outlook(utc_s("2026-05-01T12:00")) == "closed for the next 400 days"


@pytest.mark.parametrize("month", range(1, 13))
def test_a_schedule_that_opens_only_in_some_seasons_is_accepted_in_any_month(month):
    schedule("sunrise..noon", place=LONGYEARBYEN).require_opening(utc_s(f"2026-{month:02}-01T12:00"))
    schedule("04:30..09:00", listen_s=60, every_s=3600).require_opening(utc_s(f"2026-{month:02}-01T12:00"))
    schedule().require_opening(utc_s(f"2026-{month:02}-01T12:00"))


def test_a_schedule_that_never_opens_is_refused_with_its_windows_and_duty_cycle():
    with pytest.raises(SettingsError, match=r"windows 04:30\.\.04:50 and 600 of every 3600 s is closed for"):
        schedule("04:30..04:50", listen_s=600, every_s=3600).require_opening(utc_s("2026-05-01T12:00"))


def test_a_clock_window_includes_its_start_and_excludes_its_end():
    made = schedule("04:30..09:00")
    start_s, end_s = utc_s("2026-05-01T04:30"), utc_s("2026-05-01T09:00")
    assert [made.is_open(at) for at in (start_s - 0.01, start_s, end_s - 0.01, end_s)] == [
        False,
        True,
        True,
        False,
    ]
    assert made.next_change_s(start_s - 0.01) == start_s
    assert made.next_change_s(start_s) == end_s
    assert made.next_change_s(end_s) == start_s + DAY_S


def test_a_window_continues_across_midnight_and_new_year():
    found = openings(schedule("22:00..02:00"), "2026-12-30T12:00", "2027-01-02T12:00")
    assert found == [
        ("12-30 22:00:00", "12-31 02:00:00"),
        ("12-31 22:00:00", "01-01 02:00:00"),
        ("01-01 22:00:00", "01-02 02:00:00"),
    ]


def test_adjacent_or_overlapping_windows_open_as_one():
    made = schedule("04:00..06:00", "06:00..08:00", "07:00..09:00", "20:00..21:00")
    found = openings(made, "2026-05-01T00:00", "2026-05-02T00:00")
    assert found == [("05-01 04:00:00", "05-01 09:00:00"), ("05-01 20:00:00", "05-01 21:00:00")]


def test_windows_that_fill_the_day_never_change():
    made = schedule("00:00..12:00", "12:00..00:00")
    assert made.is_open(utc_s("2026-05-01T12:00"))
    assert made.next_change_s(utc_s("2026-05-01T12:00")) is None


def test_a_leap_day_has_its_windows():
    found = opens(schedule("23:30..00:30", "06:00..07:00"), "2028-02-28T12:00", "2028-03-01T12:00")
    assert found == ["02-28 23:30:00", "02-29 06:00:00", "02-29 23:30:00", "03-01 06:00:00"]


def test_local_windows_follow_summer_time_and_utc_windows_do_not():
    local = schedule("04:30..09:00", timezone="Europe/Berlin")
    found = opens(local, "2026-03-28T00:00", "2026-03-30T12:00")
    assert found == ["03-28 03:30:00", "03-29 02:30:00", "03-30 02:30:00"]
    found = opens(schedule("04:30..09:00"), "2026-03-28T00:00", "2026-03-30T12:00")
    assert found == ["03-28 04:30:00", "03-29 04:30:00", "03-30 04:30:00"]


@pytest.mark.parametrize(
    ("window", "found"),
    [
        ("02:15..02:45", [("03-29 01:15:00", "03-29 01:45:00")]),  # 03:15 to 03:45 that day
        ("01:30..02:30", [("03-29 00:30:00", "03-29 01:30:00")]),
        ("02:30..04:00", [("03-29 01:30:00", "03-29 02:00:00")]),
        ("02:30..03:15", []),  # 03:30 to 03:15: none
    ],
)
def test_a_skipped_hour_is_interpreted_with_the_offset_before_it(window, found):
    assert (
        openings(schedule(window, timezone="Europe/Berlin"), "2026-03-28T12:00", "2026-03-29T20:00") == found
    )


def test_a_window_of_almost_a_day_stays_open_when_the_clock_skips_its_pause():
    made = schedule("03:00..02:30", timezone="Europe/Berlin")
    found = openings(made, "2026-03-28T01:45", "2026-03-30T00:45")
    assert found == [("03-28 02:00:00", "03-30 00:30:00")]


@pytest.mark.parametrize(
    ("window", "found"),
    [
        ("02:15..02:45", [("10-25 00:15:00", "10-25 00:45:00")]),
        ("01:30..02:30", [("10-24 23:30:00", "10-25 00:30:00")]),
        ("02:30..04:00", [("10-25 00:30:00", "10-25 03:00:00")]),
        ("22:00..06:00", [("10-24 20:00:00", "10-25 05:00:00")]),  # nine hours
    ],
)
def test_a_repeated_hour_means_its_first_occurrence(window, found):
    assert (
        openings(schedule(window, timezone="Europe/Berlin"), "2026-10-24T12:00", "2026-10-25T12:00") == found
    )


def test_duty_cycles_are_aligned_to_the_epoch():
    made = schedule(listen_s=60.0, every_s=600.0)
    found = openings(made, "2026-05-01T03:05:17", "2026-05-01T03:25:00")
    assert found == [("05-01 03:10:00", "05-01 03:11:00"), ("05-01 03:20:00", "05-01 03:21:00")]
    assert schedule(listen_s=60.0, every_s=420.0).next_change_s(1.0) == 60
    assert schedule(listen_s=60.0, every_s=420.0).next_change_s(60.0) == 420


def test_a_window_limits_its_duty_cycle_and_does_not_shift_it():
    made = schedule("04:05..04:51", listen_s=600, every_s=1200)
    assert openings(made, "2026-05-01T00:00", "2026-05-02T00:00") == [
        ("05-01 04:05:00", "05-01 04:10:00"),
        ("05-01 04:20:00", "05-01 04:30:00"),
        ("05-01 04:40:00", "05-01 04:50:00"),
    ]


def test_a_duty_cycle_that_never_meets_its_window_never_opens():
    made = schedule("04:30..04:50", listen_s=600, every_s=3600)
    assert made.next_change_s(utc_s("2026-05-01T00:00")) is None


@pytest.mark.parametrize(
    ("first", "made"),
    [
        ("2026-03-28", schedule("22:00..02:30", "02:15..04:00", timezone="Europe/Berlin")),
        ("2026-10-24", schedule("22:00..02:30", "02:15..04:00", timezone="Europe/Berlin")),
        ("2026-06-20", schedule("dawn-30m..sunrise+2h", "sunset..23:00", "noon..noon+10m", place=REYKJAVIK)),
        ("2020-04-16", schedule("sunset-6h..sunrise", "dusk..dawn", place=LONGYEARBYEN)),
        ("2020-10-24", schedule("sunrise-12h..sunset+12h", "midnight-12h..noon-11h", place=LONGYEARBYEN)),
        (
            "2026-01-01",
            schedule("noon+12h..sunset+12h", "01:00..dawn", place=(-60.0, 180.0), timezone="Asia/Tokyo"),
        ),
        ("2026-05-01", schedule("dusk+12h..dusk+11h", place=(50.0, -180.0))),
        ("2026-05-01", schedule("midnight-12h..midnight-11h", place=(50.0, 180.0))),
        ("2026-09-22", schedule("sunset..sunrise", place=(10.0, -180.0), listen_s=7 * 60, every_s=13 * 60)),
        ("2028-02-28", schedule("20:00..04:00", "sunrise..20:10", place=BERLIN, listen_s=1800, every_s=3600)),
    ],
)
def test_next_change_finds_every_change_and_no_other(first, made):
    """The slow reference is `is_open`, evaluated in every minute of five days."""
    first_s = int(utc_s(first))
    minutes_s = np.arange(first_s, first_s + 5 * DAY_S, 60)
    is_open = np.array([made.is_open(float(at)) for at in minutes_s])
    assert 0 < is_open.mean() < 1
    found = []
    at_s = float(first_s)
    while (at_s := made.next_change_s(at_s)) is not None and at_s <= minutes_s[-1]:
        assert made.is_open(at_s) != made.is_open(at_s - 1)
        found.append(at_s)
    changes = is_open[0] ^ (np.searchsorted(found, minutes_s, side="right") % 2 == 1)
    np.testing.assert_array_equal(changes, is_open)
    for at_s in np.random.default_rng(5).uniform(first_s, found[-1], 30):
        assert made.next_change_s(at_s) == min(change for change in found if change > at_s)


@pytest.mark.parametrize(
    "window",
    [
        *("", "4..9", "04:30", "04:30-09:00", "04:30..", "24:00..02:00", "04:60..05:00", "1:00..2:00..3:00"),
        *("sunrise+..noon", "sunrise-1..noon", "sunrise-13h..noon", "sunrise+12h1m..noon", "04:30+1h..noon"),
        "moonrise..noon",
    ],
)
def test_an_invalid_window_is_named_with_the_valid_forms(window):
    with pytest.raises(SettingsError, match=r"^the window '.*' is not valid; give start\.\.end") as caught:
        ScheduleSettings(("04:30..09:00", window))
    assert repr(window) in str(caught.value)


@pytest.mark.parametrize("window", ["04:30..04:30", "sunrise..sunrise", "noon+1h..noon+60m"])
def test_a_window_without_length_is_refused(window):
    with pytest.raises(SettingsError, match="ends where it starts; give no windows to listen always"):
        ScheduleSettings((window,))


@pytest.mark.parametrize("name", ["Europe/Atlantis", "Europe", "", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_timezone_is_refused(name):
    with pytest.raises(
        SettingsError, match=r"^the timezone '.*' is not known on this system; give an IANA name such as"
    ):
        ScheduleSettings(timezone=name)


@pytest.mark.parametrize(
    ("listen_s", "every_s"),
    [
        (60, 0),
        (0, 60),
        (60, 60),
        (120, 60),
        (-60, 60),
        (0.5, 60),
        (60, 600.5),
        (60, 604_801),
        (60, np.inf),
        (np.nan, 60),
    ],
)
def test_an_invalid_duty_cycle_is_refused(listen_s, every_s):
    with pytest.raises(SettingsError, match=r"^listen_s is .* and every_s is .*; give whole seconds"):
        ScheduleSettings(listen_s=listen_s, every_s=every_s)


def test_a_schedule_is_made_from_a_table_of_the_configuration():
    table = {"windows": ["04:30..09:00"], "timezone": "Europe/Berlin", "listen_s": 60, "every_s": 600}
    made = Schedule(from_table(ScheduleSettings, table, "[schedule]"), *NOWHERE)
    assert openings(made, "2026-06-01T02:29", "2026-06-01T02:35") == [("06-01 02:30:00", "06-01 02:31:00")]
