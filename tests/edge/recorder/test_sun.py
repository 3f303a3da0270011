"""Windows relative to the sun agree with published times, near the poles and at every longitude."""

import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.recorder.schedule import Schedule
from tests.support.schedules import (
    ATLANTA,
    BERLIN,
    DAY_S,
    GOLDEN,
    LONGYEARBYEN,
    NOWHERE,
    REYKJAVIK,
    openings,
    opens,
    schedule,
    utc_s,
)


def next_change_s(made: Schedule, at_s: float) -> float:
    """Return the next opening or closing of a schedule that has one."""
    change_s = made.next_change_s(at_s)
    assert change_s is not None
    return change_s


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
        # Longyearbyen's newspaper, to the minute: the most difficult days, at the edge of the polar night
        (LONGYEARBYEN, "sunrise", "2018-10-26T10:08:00"),
        (LONGYEARBYEN, "sunset", "2018-10-26T11:13:00"),
        (LONGYEARBYEN, "sunrise", "2020-10-25T09:49:00"),
        (LONGYEARBYEN, "sunset", "2020-10-25T11:31:00"),
        # and at the edge of the midnight sun
        (LONGYEARBYEN, "sunset", "2020-08-24T22:10:00"),
        (LONGYEARBYEN, "sunrise", "2020-08-24T23:50:00"),
    ],
)
def test_sun_events_match_the_published_times(place, event, published):
    made = schedule(f"{event}..{event}+1m", place=place)
    assert next_change_s(made, utc_s(published) - 600) == pytest.approx(utc_s(published), abs=90)


def test_offsets_shift_a_sun_event_by_exact_seconds():
    at = utc_s("2026-05-01T00:00")
    sunrise_s = next_change_s(schedule("sunrise..noon", place=BERLIN), at)
    made = schedule("sunrise-1h..sunrise+3h30m", place=BERLIN)
    assert next_change_s(made, at) == sunrise_s - 3600
    assert next_change_s(made, sunrise_s) == sunrise_s + 3.5 * 3600


def test_a_night_from_sunset_to_sunrise_is_one_window():
    nights = openings(
        schedule("sunset-30m..sunrise+30m", place=BERLIN), "2026-06-20T12:00", "2026-06-22T12:00"
    )
    assert [(start[:8], end[:8]) for start, end in nights] == [
        ("06-20 19", "06-21 03"),
        ("06-21 19", "06-22 03"),
    ]


def test_all_days_on_the_equator_have_the_same_length():
    made = schedule("sunrise..sunset", place=(0.0, 0.0))
    at_s, lengths_s = utc_s("2026-01-01T00:00"), []
    for _ in range(365):
        at_s = next_change_s(made, at_s)
        assert abs((at_s + 12 * 3600) % DAY_S - 18 * 3600) < 25 * 60
        closes_s = next_change_s(made, at_s)
        lengths_s.append(closes_s - at_s)
        at_s = closes_s
    assert (min(lengths_s), max(lengths_s)) == pytest.approx((12 * 3600 + 400, 12 * 3600 + 440), abs=30)


@pytest.mark.parametrize("longitude_deg", [-180.0, -90.0, 0.0, 179.9, 180.0])
@pytest.mark.parametrize("latitude_deg", [-60.0, 60.0])
@pytest.mark.parametrize(
    "window", ["sunrise..sunrise+1h", "dusk-1h..dusk", "midnight..midnight+1h", "noon-1h..noon"]
)
def test_every_event_occurs_once_a_day_at_any_longitude(latitude_deg, longitude_deg, window):
    made = schedule(window, place=(latitude_deg, longitude_deg))
    at_s = utc_s("2026-01-01T00:00")
    starts_s: list[float] = []
    while len(starts_s) < 366:
        at_s = next_change_s(made, at_s)
        if made.is_open(at_s):
            starts_s.append(at_s)
    np.testing.assert_allclose(np.diff(starts_s), DAY_S, atol=300)


@pytest.mark.parametrize(
    "window", ["sunrise-1h..sunrise+3h", "sunset..sunrise", "dawn..dusk", "08:00..sunset"]
)
@pytest.mark.parametrize("month", ["2026-06", "2026-12"])
def test_polar_windows_are_missing_on_days_without_sunrise_or_sunset(window, month):
    made = schedule(window, place=LONGYEARBYEN)
    assert openings(made, f"{month}-02T00:00", f"{month}-30T00:00") == []


def test_noon_and_midnight_occur_on_every_polar_day():
    made = schedule("midnight..midnight+1h", "noon..noon+1h", place=LONGYEARBYEN)
    for month in ("2026-06", "2026-12"):
        found = opens(made, f"{month}-10T06:00", f"{month}-15T06:00")
        assert [start[:8] for start in found] == [
            f"{month[-2:]}-{day} {hour}" for day in range(10, 15) for hour in (10, 22)
        ]


def test_the_next_opening_in_polar_night_is_the_first_sunrise():
    made = schedule("sunrise..sunset", place=LONGYEARBYEN)
    opens_s = next_change_s(made, utc_s("2018-10-27T00:00"))
    assert datetime.fromtimestamp(opens_s, UTC).date().isoformat() == "2019-02-16"  # by the same newspaper


def test_no_day_at_the_pole_has_a_sunrise():
    assert schedule("dawn..sunrise", place=(90.0, 0.0)).next_change_s(utc_s("2026-06-21T23:00")) is None


def test_a_window_whose_end_precedes_its_start_is_missing_that_day():
    made = schedule("sunset..23:00", place=REYKJAVIK)
    assert opens(made, "2026-06-15T12:00", "2026-06-25T12:00") == []  # the sun sets after midnight
    found = openings(made, "2026-03-20T12:00", "2026-03-21T12:00")
    assert [(start[:8], end) for start, end in found] == [("03-20 19", "03-20 23:00:00")]


def test_clock_and_sun_combine_far_from_greenwich():
    brisbane = (-27.47, 153.03)
    found = openings(schedule("18:00..sunrise+2h", place=brisbane), "2026-03-20T12:00", "2026-03-21T12:00")
    assert [(start, end[:8]) for start, end in found] == [("03-20 18:00:00", "03-20 21")]  # 4 o'clock there
    found_late = openings(schedule("16:00..sunset", place=brisbane), "2026-03-20T12:00", "2026-03-21T12:00")
    # 2 o'clock there.
    assert [(start, end[:8]) for start, end in found_late] == [("03-20 16:00:00", "03-21 07")]
    made = schedule("04:00..sunrise+2h", place=brisbane, timezone="Australia/Brisbane")
    assert openings(made, "2026-03-20T12:00", "2026-03-21T12:00") == found


@pytest.mark.parametrize(
    "place", [NOWHERE, (52.5, None), (None, 13.4), (90.1, 0.0), (0.0, -180.1), (np.nan, 0.0)]
)
def test_a_window_relative_to_the_sun_needs_a_place_on_earth(place):
    with pytest.raises(
        SettingsError, match=r"^the window 'sunset\.\.23:00' follows the sun and the place is"
    ):
        schedule("04:30..09:00", "sunset..23:00", place=place)
    assert schedule("04:30..09:00", place=place).is_open(utc_s("2026-05-01T05:00"))


def test_a_clock_schedule_does_not_load_the_sun():
    program = (
        "import sys; from birdedge.edge.recorder.schedule import Schedule, ScheduleSettings as S;"
        "Schedule(S(('04:30..09:00',)), 52.5, 13.4).next_change_s(0.0); print('astral' in sys.modules);"
        "Schedule(S(('sunset..23:00',)), 52.5, 13.4).next_change_s(0.0); print('astral' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
