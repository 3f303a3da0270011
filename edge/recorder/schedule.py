"""When the recorder listens: always, in windows relative to the clock or the sun, or in a duty cycle.

A window runs from one moment of the day to another: `04:30..09:00`, `sunrise-1h..sunrise+3h`, `sunset..23:00`. If its
second moment precedes its first at an equinox, it runs into the next day: `22:00..02:00`, `sunset..sunrise`. The
moments of the sun are defined in `sun.py`.

The window of a day exists if both its moments occur and the second follows the first. Where the sun does not rise or
does not set, windows that start or end at sunrise, sunset, dawn or dusk are therefore missing, however dark or light
it is.

A local time that a clock change skips is interpreted with the offset before the change (02:30 becomes 03:30), and a
repeated local time means its first occurrence (RFC 5545, section 3.3.5). Everything that is stored is UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple, cast
from zoneinfo import ZoneInfo

from birdedge.edge.errors import SettingsError
from birdedge.edge.recorder.sun import EQUINOX_S, SUN_EVENTS, SunEvent, sun_event_s

DAY_S = 86_400
MAX_CYCLE_S = 7 * DAY_S
LOOK_AHEAD_DAYS = 400  # longer than any polar night

CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
SUN = re.compile(rf"({'|'.join(SUN_EVENTS)})(?:([+-])(?=\d)(?:(\d+)h)?(?:(\d+)m)?)?")
MAX_OFFSET_S = 12 * 3600


@dataclass(frozen=True)
class ScheduleSettings:
    """When to listen: in every window, and within it for `listen_s` of every `every_s` seconds.

    Raises:
        SettingsError: A window, the time zone or the duty cycle is not valid.
    """

    windows: tuple[str, ...] = ()  # empty: always
    timezone: str = "UTC"  # time zone of the clock times in windows, an IANA name
    listen_s: float = 0.0  # whole seconds; both 0: all the time
    every_s: float = 0.0  # counted from 1970-01-01 UTC, so that all recorders listen at the same time

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
    """The times at which to listen at a place.

    Args:
        settings: The windows and the duty cycle.
        latitude_deg: The latitude of the place; needed for windows relative to the sun.
        longitude_deg: The longitude of the place, positive to the east; needed for the same windows.

    Raises:
        SettingsError: A window is relative to the sun, and the place is missing or out of range.
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
        self._latitude_deg, self._longitude_deg = place or (0.0, 0.0)  # not used by clock windows
        self._windows = [self._in_order(*_moments(window)) for window in settings.windows]

    def is_open(self, utc_s: float) -> bool:
        """Return whether to listen at a time, in seconds since 1970-01-01 UTC; ends of windows are excluded."""
        s = self._settings
        return self._in_window(utc_s) and (s.every_s == 0 or utc_s % s.every_s < s.listen_s)

    def next_change_s(self, utc_s: float) -> float | None:
        """Return the first whole UTC second after `utc_s` at which `is_open` changes; None if none in 400 days."""
        is_open = self.is_open(utc_s)
        edge_s = self._next_edge_s(utc_s)
        while edge_s is not None and edge_s - utc_s <= LOOK_AHEAD_DAYS * DAY_S:
            if self.is_open(edge_s) != is_open:
                return edge_s
            edge_s = self._next_edge_s(edge_s)
        return None

    def require_opening(self, utc_s: float) -> None:
        """Check that it is open now or within 400 days.

        Raises:
            SettingsError: It is not, so nothing would ever be recorded.
        """
        if self.is_open(utc_s) or self.next_change_s(utc_s) is not None:
            return
        s = self._settings
        duty = f" and {s.listen_s:g} of every {s.every_s:g} s" if s.every_s else ""
        raise SettingsError(
            f"a schedule with the windows {', '.join(s.windows)}{duty} is closed for the next {LOOK_AHEAD_DAYS} days; "
            "give windows that occur at this place and overlap the duty cycle, which is counted from 1970-01-01 UTC"
        )

    def outlook(self, utc_s: float) -> str:
        """Return whether it is open and until when; if it is closed, also until when it is open after that."""
        is_open, change_s = self.is_open(utc_s), self.next_change_s(utc_s)
        state = "open" if is_open else "closed"
        if change_s is None:
            return f"{state} for the next {LOOK_AHEAD_DAYS} days"
        text = f"{state} until {self._local(change_s)}"
        closes_s = None if is_open else self.next_change_s(change_s)
        return text if closes_s is None else f"{text}, then open until {self._local(closes_s)}"

    def _local(self, utc_s: float) -> str:
        return datetime.fromtimestamp(utc_s, self._zone).strftime("%Y-%m-%d %H:%M:%S %Z")

    def _in_window(self, utc_s: float) -> bool:
        today = int(utc_s // DAY_S)
        # Far longitudes, offsets and long windows together extend up to three days ahead and two days back.
        spans = (self._span(window, day) for window in self._windows for day in range(today - 3, today + 3))
        return not self._windows or any(span and span[0] <= utc_s < span[1] for span in spans)

    def _next_edge_s(self, utc_s: float) -> float | None:
        """Return the first start or end of a window, or change of the duty cycle in a window, after `utc_s`."""
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
        """Return the seconds from 00:00 UTC of the date to the moment, for an equinox in standard time."""
        if moment.event is not None:
            return EQUINOX_S[moment.event] + moment.offset_s - round(self._longitude_deg * DAY_S / 360)
        ahead = datetime(2025, 1, 1, tzinfo=self._zone).utcoffset() or timedelta(0)
        return moment.offset_s - round(ahead.total_seconds())

    def _span(self, window: _Window, day: int) -> tuple[int, int] | None:
        """Return start and end of the window of a day, which is empty if the end precedes the start.

        Returns None if one of its moments does not occur.
        """
        start_s = self._utc_s(window.start, day)
        end_s = self._utc_s(window.end, day + window.days)
        return None if start_s is None or end_s is None else (start_s, end_s)

    def _utc_s(self, moment: _Moment, day: int) -> int | None:
        if moment.event is None:
            local = datetime(1970, 1, 1, tzinfo=self._zone) + timedelta(days=day, seconds=moment.offset_s)
            return int(local.timestamp())
        event_s = sun_event_s(moment.event, day, self._latitude_deg, self._longitude_deg)
        return None if event_s is None else event_s + moment.offset_s


class _Moment(NamedTuple):
    """Seconds after an event of the sun or, if that is None, after the start of the local day."""

    event: SunEvent | None
    offset_s: int


class _Window(NamedTuple):
    """Two moments, and the number of days from the date of the start to the date of the end."""

    start: _Moment
    end: _Moment
    days: int


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # needs no time zone database
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise SettingsError(
            f"the timezone {name!r} is not known on this system; give an IANA name such as 'Europe/Berlin' (which "
            "the tzdata package of the system provides), or 'UTC'"
        ) from None


def _moments(window: str) -> tuple[_Moment, _Moment]:
    """Return the start and the end of a window, given as in the settings."""
    moments = [_moment(text) for text in window.split("..")]
    if len(moments) != 2 or moments[0] is None or moments[1] is None:
        raise SettingsError(
            f"the window {window!r} is not valid; give start..end, each a time such as 04:30 or one of "
            f"{', '.join(SUN_EVENTS)}, with up to 12 hours before or after it such as sunrise-1h or dusk+1h30m"
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
            return _Moment(cast(SunEvent, sun[1]), -offset_s if sun[2] == "-" else offset_s)
    return None
