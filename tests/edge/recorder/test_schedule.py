"""Windows of the clock and the sun, duty cycles, and what becomes of them at midnight, near the poles, on odd days."""

import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.recorder.schedule import Schedule, ScheduleSettings
from birdedge.edge.settings import from_table

LONGYEARBYEN = (78.22, 15.65)
BERLIN = (52.52, 13.405)
ATLANTA = (33.8, -84.4)
GOLDEN = (39.742476, -105.1786)
REYKJAVIK = (64.147, -21.94)
NOWHERE = (None, None)
DAY_S = 86_400


def utc_s(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def schedule(*windows, place=NOWHERE, **settings):
    return Schedule(ScheduleSettings(windows, **settings), *place)


def openings(made, first, last):
    """What is open from `first` to `last`, as pairs of UTC times to the second."""
    at_s, last_s, changes = utc_s(first), utc_s(last), []
    assert not made.is_open(at_s)
    while (at_s := made.next_change_s(at_s)) is not None and at_s < last_s:
        changes.append(datetime.fromtimestamp(at_s, UTC).strftime("%m-%d %H:%M:%S"))
    return list(zip(changes[::2], changes[1::2], strict=True))


def opens(made, first, last):
    return [start for start, _ in openings(made, first, last)]


def test_without_windows_it_is_always_open_and_nothing_changes():
    made = schedule()
    assert all(made.is_open(at) for at in (0.0, 1.5, utc_s("2026-06-01T12:00")))
    assert made.next_change_s(utc_s("2026-06-01T12:00")) is None


def test_a_clock_window_is_open_from_its_start_until_before_its_end():
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


def test_a_window_runs_across_midnight_and_the_new_year():
    found = openings(schedule("22:00..02:00"), "2026-12-30T12:00", "2027-01-02T12:00")
    assert found == [
        ("12-30 22:00:00", "12-31 02:00:00"),
        ("12-31 22:00:00", "01-01 02:00:00"),
        ("01-01 22:00:00", "01-02 02:00:00"),
    ]


def test_windows_that_meet_or_overlap_are_open_as_one():
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


@pytest.mark.parametrize(
    ("place", "event", "published"),
    [
        # US Naval Observatory, to the minute
        (ATLANTA, "dawn", "2009-09-06T10:50:00"),
        (ATLANTA, "sunrise", "2009-09-06T11:15:00"),
        (ATLANTA, "noon", "2009-09-06T17:36:00"),
        (ATLANTA, "sunset", "2009-09-06T23:56:00"),
        (ATLANTA, "dusk", "2009-09-07T00:21:00"),
        # NREL's solar position calculator, to the second
        (GOLDEN, "sunrise", "2015-01-02T14:21:55"),
        (GOLDEN, "sunset", "2015-01-02T23:47:43"),
        (GOLDEN, "sunrise", "2015-08-02T12:00:27"),
        # as printed in Longyearbyen's newspaper, to the minute: the hardest days, by the edge of the polar night
        (LONGYEARBYEN, "sunrise", "2018-10-26T10:08:00"),
        (LONGYEARBYEN, "sunset", "2018-10-26T11:13:00"),
        (LONGYEARBYEN, "sunrise", "2020-10-25T09:49:00"),
        (LONGYEARBYEN, "sunset", "2020-10-25T11:31:00"),
        # and by that of the midnight sun
        (LONGYEARBYEN, "sunset", "2020-08-24T22:10:00"),
        (LONGYEARBYEN, "sunrise", "2020-08-24T23:50:00"),
    ],
)
def test_the_sun_keeps_the_published_times(place, event, published):
    made = schedule(f"{event}..{event}+1m", place=place)
    assert made.next_change_s(utc_s(published) - 600) == pytest.approx(utc_s(published), abs=90)


def test_offsets_shift_the_sun_to_the_second():
    at = utc_s("2026-05-01T00:00")
    sunrise_s = schedule("sunrise..noon", place=BERLIN).next_change_s(at)
    made = schedule("sunrise-1h..sunrise+3h30m", place=BERLIN)
    assert made.next_change_s(at) == sunrise_s - 3600
    assert made.next_change_s(sunrise_s) == sunrise_s + 3.5 * 3600


def test_a_night_from_sunset_to_sunrise_is_one_window():
    nights = openings(
        schedule("sunset-30m..sunrise+30m", place=BERLIN), "2026-06-20T12:00", "2026-06-22T12:00"
    )
    assert [(start[:8], end[:8]) for start, end in nights] == [
        ("06-20 19", "06-21 03"),
        ("06-21 19", "06-22 03"),
    ]


def test_on_the_equator_at_zero_longitude_every_day_is_as_long():
    made = schedule("sunrise..sunset", place=(0.0, 0.0))
    at_s, lengths_s = utc_s("2026-01-01T00:00"), []
    for _ in range(365):
        at_s = made.next_change_s(at_s)
        assert abs((at_s + 12 * 3600) % DAY_S - 18 * 3600) < 25 * 60
        closes_s = made.next_change_s(at_s)
        lengths_s.append(closes_s - at_s)
        at_s = closes_s
    assert (min(lengths_s), max(lengths_s)) == pytest.approx((12 * 3600 + 400, 12 * 3600 + 440), abs=30)


@pytest.mark.parametrize("longitude_deg", [-180.0, -90.0, 0.0, 179.9, 180.0])
@pytest.mark.parametrize("latitude_deg", [-60.0, 60.0])
@pytest.mark.parametrize(
    "window", ["sunrise..sunrise+1h", "dusk-1h..dusk", "midnight..midnight+1h", "noon-1h..noon"]
)
def test_each_day_has_each_event_once_at_any_longitude(latitude_deg, longitude_deg, window):
    made = schedule(window, place=(latitude_deg, longitude_deg))
    at_s, starts_s = utc_s("2026-01-01T00:00"), []
    while len(starts_s) < 366:
        at_s = made.next_change_s(at_s)
        if made.is_open(at_s):
            starts_s.append(at_s)
    np.testing.assert_allclose(np.diff(starts_s), DAY_S, atol=300)


@pytest.mark.parametrize(
    "window", ["sunrise-1h..sunrise+3h", "sunset..sunrise", "dawn..dusk", "08:00..sunset"]
)
@pytest.mark.parametrize("month", ["2026-06", "2026-12"])
def test_without_sunrise_or_sunset_a_polar_window_of_either_is_missing(window, month):
    made = schedule(window, place=LONGYEARBYEN)
    assert openings(made, f"{month}-02T00:00", f"{month}-30T00:00") == []


def test_noon_and_midnight_come_every_polar_day():
    made = schedule("midnight..midnight+1h", "noon..noon+1h", place=LONGYEARBYEN)
    for month in ("2026-06", "2026-12"):
        found = opens(made, f"{month}-10T06:00", f"{month}-15T06:00")
        assert [start[:8] for start in found] == [
            f"{month[-2:]}-{day} {hour}" for day in range(10, 15) for hour in (10, 22)
        ]


def test_through_the_polar_night_the_next_opening_is_the_first_sunrise():
    made = schedule("sunrise..sunset", place=LONGYEARBYEN)
    opens_s = made.next_change_s(utc_s("2018-10-27T00:00"))
    assert datetime.fromtimestamp(opens_s, UTC).date().isoformat() == "2019-02-16"  # as its newspaper printed


def test_at_the_pole_no_day_has_a_sunrise():
    assert schedule("dawn..sunrise", place=(90.0, 0.0)).next_change_s(utc_s("2026-06-21T23:00")) is None


def test_a_window_whose_end_came_before_its_start_is_missing_that_day():
    made = schedule("sunset..23:00", place=REYKJAVIK)
    assert opens(made, "2026-06-15T12:00", "2026-06-25T12:00") == []  # the sun sets after midnight
    found = openings(made, "2026-03-20T12:00", "2026-03-21T12:00")
    assert [(start[:8], end) for start, end in found] == [("03-20 19", "03-20 23:00:00")]


def test_clock_and_sun_mix_where_the_local_day_is_far_from_that_of_utc():
    brisbane = (-27.47, 153.03)
    found = openings(schedule("18:00..sunrise+2h", place=brisbane), "2026-03-20T12:00", "2026-03-21T12:00")
    assert [(start, end[:8]) for start, end in found] == [("03-20 18:00:00", "03-20 21")]  # 4 o'clock there
    found_late = openings(schedule("16:00..sunset", place=brisbane), "2026-03-20T12:00", "2026-03-21T12:00")
    assert [(start, end[:8]) for start, end in found_late] == [
        ("03-20 16:00:00", "03-21 07")
    ]  # 2 o'clock there
    made = schedule("04:00..sunrise+2h", place=brisbane, timezone="Australia/Brisbane")
    assert openings(made, "2026-03-20T12:00", "2026-03-21T12:00") == found


def test_local_clock_windows_move_with_summer_time_and_those_of_utc_do_not():
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
def test_an_hour_that_the_clock_skips_is_counted_as_it_ran_before(window, found):
    assert (
        openings(schedule(window, timezone="Europe/Berlin"), "2026-03-28T12:00", "2026-03-29T20:00") == found
    )


def test_a_window_of_almost_a_day_closes_one_day_later_when_the_clock_skips_its_pause():
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
def test_of_an_hour_that_comes_twice_the_first_is_meant(window, found):
    assert (
        openings(schedule(window, timezone="Europe/Berlin"), "2026-10-24T12:00", "2026-10-25T12:00") == found
    )


def test_a_duty_cycle_listens_at_the_same_time_everywhere():
    made = schedule(listen_s=60.0, every_s=600.0)
    found = openings(made, "2026-05-01T03:05:17", "2026-05-01T03:25:00")
    assert found == [("05-01 03:10:00", "05-01 03:11:00"), ("05-01 03:20:00", "05-01 03:21:00")]
    assert schedule(listen_s=60.0, every_s=420.0).next_change_s(1.0) == 60
    assert schedule(listen_s=60.0, every_s=420.0).next_change_s(60.0) == 420


def test_a_window_cuts_its_duty_cycle_and_does_not_shift_it():
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
def test_every_change_foretold_is_one_and_none_is_missed(first, made):
    """Against is_open by minutes, over five days."""
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
def test_a_window_that_is_not_understood_is_named_with_what_would_be(window):
    with pytest.raises(
        SettingsError, match=r"^the window '.*' is not understood; give start\.\.end"
    ) as caught:
        ScheduleSettings(("04:30..09:00", window))
    assert repr(window) in str(caught.value)


@pytest.mark.parametrize("window", ["04:30..04:30", "sunrise..sunrise", "noon+1h..noon+60m"])
def test_a_window_without_length_is_refused(window):
    with pytest.raises(SettingsError, match="ends where it starts; give no windows to listen always"):
        ScheduleSettings((window,))


@pytest.mark.parametrize("name", ["Europe/Atlantis", "Europe", "", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_timezone_is_refused(name):
    with pytest.raises(
        SettingsError, match=r"^the timezone '.*' is not known here; give an IANA name such as"
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
def test_a_duty_cycle_that_is_none_is_refused(listen_s, every_s):
    with pytest.raises(SettingsError, match=r"^listen_s is .* and every_s is .*; give whole seconds"):
        ScheduleSettings(listen_s=listen_s, every_s=every_s)


@pytest.mark.parametrize(
    "place", [NOWHERE, (52.5, None), (None, 13.4), (90.1, 0.0), (0.0, -180.1), (np.nan, 0.0)]
)
def test_a_window_that_follows_the_sun_needs_a_place_on_earth(place):
    with pytest.raises(
        SettingsError, match=r"^the window 'sunset\.\.23:00' follows the sun and the place is"
    ):
        schedule("04:30..09:00", "sunset..23:00", place=place)
    assert schedule("04:30..09:00", place=place).is_open(utc_s("2026-05-01T05:00"))


def test_a_table_of_the_settings_file_makes_a_schedule():
    table = {"windows": ["04:30..09:00"], "timezone": "Europe/Berlin", "listen_s": 60, "every_s": 600}
    made = Schedule(from_table(ScheduleSettings, table, "[schedule]"), *NOWHERE)
    assert openings(made, "2026-06-01T02:29", "2026-06-01T02:35") == [("06-01 02:30:00", "06-01 02:31:00")]


def test_a_clock_schedule_does_not_load_the_sun():
    program = (
        "import sys; from birdedge.edge.recorder.schedule import Schedule, ScheduleSettings as S;"
        "Schedule(S(('04:30..09:00',)), 52.5, 13.4).next_change_s(0.0); print('astral' in sys.modules);"
        "Schedule(S(('sunset..23:00',)), 52.5, 13.4).next_change_s(0.0); print('astral' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
