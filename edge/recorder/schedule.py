"""When the recorder listens: always, in windows of the clock or the sun, or for a part of every so long.

A window runs from one moment of the day to another, into the next day where the second moment comes first at
an equinox: `04:30..09:00`, `22:00..02:00`, `sunrise-1h..sunrise+3h`, `sunset..23:00`. The sun keeps the
place's own day, whatever the clock says: `midnight` (the sun at its lowest), `dawn` (6 degrees below the
horizon, rising), `sunrise`, `noon`, `sunset`, `dusk`, and the next `midnight`.

A day's window exists if both its moments do and the second comes after the first. Where the sun does not
rise, or does not set, windows from or until such a moment are therefore missing, however dark or light it is;
`noon` and `midnight` come every day, as the hours of a clock do.

A local hour that a change of the clock skips is counted as the clock ran before (02:30 is then 03:30), and of
one that comes twice the first is meant (RFC 5545, section 3.3.5). Time zones end here: what is stored is UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from birdedge.edge.errors import SettingsError

DAY_S = 86_400
MAX_CYCLE_S = 7 * DAY_S
LOOK_AHEAD_DAYS = 400  # longer than any polar night

# Solar time at an equinox, in the order of the day.
EQUINOX_S = {
    "midnight": 0,
    "dawn": 19_800,
    "sunrise": 21_600,
    "noon": 43_200,
    "sunset": 64_800,
    "dusk": 66_600,
}
# Height of the sun's centre, without refraction: the convention of the almanacs.
ALTITUDE_DEG = {"dawn": -6.0, "sunrise": -0.833, "sunset": -0.833, "dusk": -6.0}

CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
SUN = re.compile(rf"({'|'.join(EQUINOX_S)})(?:([+-])(?=\d)(?:(\d+)h)?(?:(\d+)m)?)?")
MAX_OFFSET_S = 12 * 3600


@dataclass(frozen=True)
class ScheduleSettings:
    """When to listen: in every window, and there for `listen_s` of every `every_s`.

    Raises: SettingsError for a window, a time zone or a duty cycle that means nothing.
    """

    windows: tuple[str, ...] = ()  # none: always
    timezone: str = "UTC"  # of clock times in windows, an IANA name
    listen_s: float = 0.0  # whole seconds; both 0: all the time
    every_s: float = 0.0  # counted from 1970-01-01 UTC, so that all recorders listen at once

    def __post_init__(self) -> None:
        for window in self.windows:
            _moments(window)
        _zone(self.timezone)
        whole = self.listen_s % 1 == 0 and self.every_s % 1 == 0
        on_and_off = 1 <= self.listen_s < self.every_s <= MAX_CYCLE_S
        if (self.listen_s, self.every_s) != (0, 0) and not (whole and on_and_off):
            raise SettingsError(
                f"listen_s is {self.listen_s} and every_s is {self.every_s}; give whole seconds, listen_s from 1 "
                f"to less than every_s, every_s up to {MAX_CYCLE_S}, or 0 for both to listen all the time"
            )


class Schedule:
    """Tells whether to listen at a time, and when that changes.

    Raises: SettingsError if a window follows the sun and the place is missing or not on earth.
    """

    def __init__(
        self, settings: ScheduleSettings, latitude_deg: float | None, longitude_deg: float | None
    ) -> None:
        self._settings = settings
        self._zone = _zone(settings.timezone)
        place = None
        if latitude_deg is not None and longitude_deg is not None:
            on_earth = -90 <= latitude_deg <= 90 and -180 <= longitude_deg <= 180
            place = (latitude_deg, longitude_deg) if on_earth else None
        for window in settings.windows:
            if place is None and any(moment.event for moment in _moments(window)):
                raise SettingsError(
                    f"the window {window!r} follows the sun and the place is latitude {latitude_deg}, longitude "
                    f"{longitude_deg}; give latitude_deg in -90..90 and longitude_deg in -180..180"
                )
        self._latitude_deg, self._longitude_deg = place or (0.0, 0.0)  # clocks do not ask
        self._windows = [self._in_order(*_moments(window)) for window in settings.windows]

    def is_open(self, utc_s: float) -> bool:
        """Whether to listen at `utc_s`, seconds since 1970-01-01 UTC; from an opening on, until before a closing."""
        s = self._settings
        return self._in_window(utc_s) and (s.every_s == 0 or utc_s % s.every_s < s.listen_s)

    def next_change_s(self, utc_s: float) -> float | None:
        """The first whole second UTC after `utc_s` at which `is_open` changes; None if it does not within 400 days."""
        is_open = self.is_open(utc_s)
        edge_s = self._next_edge_s(utc_s)
        while edge_s is not None and edge_s - utc_s <= LOOK_AHEAD_DAYS * DAY_S:
            if self.is_open(edge_s) != is_open:
                return edge_s
            edge_s = self._next_edge_s(edge_s)
        return None

    def _in_window(self, utc_s: float) -> bool:
        today = int(utc_s // DAY_S)
        # Far longitudes, offsets and long windows together reach over three days, or two back.
        spans = (self._span(window, day) for window in self._windows for day in range(today - 3, today + 3))
        return not self._windows or any(span and span[0] <= utc_s < span[1] for span in spans)

    def _next_edge_s(self, utc_s: float) -> float | None:
        """The first start or end of a window, or turn of the duty cycle in one, after `utc_s`."""
        s = self._settings
        today = int(utc_s // DAY_S)
        edges: list[float] = []
        for window in self._windows:
            for day in range(today - 3, today + LOOK_AHEAD_DAYS):
                span = self._span(window, day) or ()
                edges += [edge for edge in span if edge > utc_s]
                if span and span[0] > utc_s:
                    break  # later days start later
        if s.every_s and self._in_window(utc_s):
            passed_s = utc_s % s.every_s
            edges.append(utc_s - passed_s + (s.listen_s if passed_s < s.listen_s else s.every_s))
        return min(edges, default=None)

    def _in_order(self, start: _Moment, end: _Moment) -> _Window:
        return _Window(start, end, 1 + (self._equinox_s(start) - self._equinox_s(end)) // DAY_S)

    def _equinox_s(self, moment: _Moment) -> int:
        """Seconds UTC from a day's date to the moment, were that day an equinox (and give or take summer time)."""
        if moment.event is not None:
            return EQUINOX_S[moment.event] + moment.offset_s - round(self._longitude_deg * DAY_S / 360)
        ahead = datetime(2025, 1, 1, tzinfo=self._zone).utcoffset() or timedelta(0)
        return moment.offset_s - round(ahead.total_seconds())

    def _span(self, window: _Window, day: int) -> tuple[int, int] | None:
        """The day's window, None if a moment of it does not come; it holds no time if its end comes first."""
        start_s = self._utc_s(window.start, day)
        end_s = self._utc_s(window.end, day + window.days)
        return None if start_s is None or end_s is None else (start_s, end_s)

    def _utc_s(self, moment: _Moment, day: int) -> int | None:
        if moment.event is None:
            local = datetime(1970, 1, 1, tzinfo=self._zone) + timedelta(days=day, seconds=moment.offset_s)
            return int(local.timestamp())
        sun_s = _sun_s(moment.event, day, self._latitude_deg, self._longitude_deg)
        return None if sun_s is None else sun_s + moment.offset_s


class _Moment(NamedTuple):
    """Seconds after an event of the sun or, where that is None, after the start of the clock's day."""

    event: str | None
    offset_s: int


class _Window(NamedTuple):
    start: _Moment
    end: _Moment
    days: int  # from the date of the start to that of the end


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # needs no database of time zones
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise SettingsError(
            f"the timezone {name!r} is not known here; give an IANA name such as 'Europe/Berlin' (which the "
            "system's tzdata package brings), or 'UTC'"
        ) from None


def _moments(window: str) -> tuple[_Moment, _Moment]:
    moments = [_moment(text) for text in window.split("..")]
    if len(moments) != 2 or moments[0] is None or moments[1] is None:
        raise SettingsError(
            f"the window {window!r} is not understood; give start..end, each a time such as 04:30 or one of "
            f"{', '.join(EQUINOX_S)}, with up to 12 hours before or after it such as sunrise-1h or dusk+1h30m"
        )
    if moments[0] == moments[1]:
        raise SettingsError(f"the window {window!r} ends where it starts; give no windows to listen always")
    return moments[0], moments[1]


def _moment(text: str) -> _Moment | None:
    if clock := CLOCK.fullmatch(text):
        return _Moment(None, int(clock[1]) * 3600 + int(clock[2]) * 60)
    if sun := SUN.fullmatch(text):
        offset_s = int(sun[3] or 0) * 3600 + int(sun[4] or 0) * 60
        if offset_s <= MAX_OFFSET_S:
            return _Moment(sun[1], -offset_s if sun[2] == "-" else offset_s)
    return None


@lru_cache(maxsize=1024)
def _sun_s(event: str, day: int, latitude_deg: float, longitude_deg: float) -> int | None:
    """UTC second of an event on the place's solar day, `day` days after 1970-01-01; None if there is none.

    Sought between the sun's lowest and highest point, because astral's own sunrise and sunset go by the date in
    UTC: far from Greenwich and near the poles they miss some, or give those of another day.
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
        height_deg = elevation(place, datetime.fromtimestamp(utc_s, UTC), with_refraction=False)
        return height_deg >= ALTITUDE_DEG[event]

    if is_above(below_s) or not is_above(above_s):
        return None
    while abs(above_s - below_s) > 1:
        middle_s = (above_s + below_s) // 2
        if is_above(middle_s):
            above_s = middle_s
        else:
            below_s = middle_s
    return above_s
