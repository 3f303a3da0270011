"""Times of the sun at a place: dawn, sunrise, noon, sunset, dusk and midnight of a solar day.

A solar day belongs to the place, whatever the clock says. It runs from `midnight` (the lowest sun) through `dawn`
(6 degrees below the horizon, rising), `sunrise`, `noon`, `sunset` and `dusk` to the next `midnight`. Near the poles
some of them do not occur on some days; `noon` and `midnight` occur every day.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, get_args

SunEvent = Literal["midnight", "dawn", "sunrise", "noon", "sunset", "dusk"]
SUN_EVENTS: tuple[SunEvent, ...] = get_args(SunEvent)

# Solar time at an equinox.
EQUINOX_S: dict[SunEvent, int] = {
    "midnight": 0,
    "dawn": 19_800,
    "sunrise": 21_600,
    "noon": 43_200,
    "sunset": 64_800,
    "dusk": 66_600,
}
# Altitude of the sun's centre without refraction: civil twilight, and the convention of almanacs for the horizon.
ALTITUDE_DEG = {"dawn": -6.0, "sunrise": -0.833, "sunset": -0.833, "dusk": -6.0}


@lru_cache(maxsize=1024)
def sun_event_s(event: SunEvent, day: int, latitude_deg: float, longitude_deg: float) -> int | None:
    """Return the UTC second of an event on a solar day of the place; None if it does not occur.

    The event is found by bisection between the sun's lowest and highest point. astral's own sunrise and sunset use the
    UTC date: far from Greenwich and near the poles they miss some events, or return events of another day.

    Args:
        event: The event.
        day: The date of the solar day, in days after 1970-01-01.
        latitude_deg: The latitude of the place.
        longitude_deg: The longitude of the place, positive to the east.
    """
    from astral import Observer
    from astral.sun import elevation, midnight, noon

    place = Observer(latitude_deg, longitude_deg)
    solar_date = date(1970, 1, 1) + timedelta(days=day)
    if event == "midnight":
        return int(midnight(place, solar_date).timestamp())
    above_s = int(noon(place, solar_date).timestamp())
    if event == "noon":
        return above_s
    falling = event in ("sunset", "dusk")
    below_s = int(midnight(place, solar_date + timedelta(days=falling)).timestamp())

    def is_above(utc_s: int) -> bool:
        altitude_deg = elevation(place, datetime.fromtimestamp(utc_s, UTC), with_refraction=False)
        return altitude_deg >= ALTITUDE_DEG[event]

    if is_above(below_s) or not is_above(above_s):
        return None
    while abs(above_s - below_s) > 1:
        middle_s = (above_s + below_s) // 2
        if is_above(middle_s):
            above_s = middle_s
        else:
            below_s = middle_s
    return above_s
