"""When a recording began: from its metadata or its file name, as recorders write them."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import soundfile

from birdedge.edge.errors import AudioFileError, SettingsError
from birdedge.edge.formats.guano import read_guano

FIRST_YEAR = 2000  # recorders whose clock was never set begin at 1970 or 1980
YEARS = range(1900, 2200)  # of any recording, so that its last event has a time too
# BAR and other recorders of Frontier Labs, and clips of birdedge: 20240501T043000.123456+1000_REC, 20240501T043000Z.
WITH_OFFSET = re.compile(r"(?<!\d)(\d{8}T\d{6})(\.\d{1,6})?(Z|[+-]\d{4})(?!\d)")
# AudioMoth, in UTC: 20240501_043000, 20240501_043000T (triggered), 24F3190361DF3A05_20240501_043000.
AUDIOMOTH = re.compile(r"(?:[0-9A-F]{16}_)?(\d{8}_\d{6})T?")
# AudioMoth before firmware 1.2: seconds since 1970 as eight hexadecimal digits.
AUDIOMOTH_HEX = re.compile(r"5[A-F][0-9A-F]{6}")
AUDIOMOTH_COMMENT = re.compile(
    r"Recorded at (\d\d:\d\d:\d\d) (\d\d/\d\d/\d{4})(?: \(UTC(?:([+-]\d{1,2})(?::(\d\d))?)?\))"
)
# Song Meter, SM4 and other recorders of Wildlife Acoustics, in local time: SMA01234_20240501_043000,
# SM2_20240501$043000, BAT_20240501_043000_123.
LOCAL = re.compile(r"(?<!\d)(\d{8})[_$T-]?[_$T-](\d{6})(?:_(\d{3}))?(?!\d)")


@dataclass(frozen=True)
class StartTime:
    """The user's settings for the start of recordings.

    Attributes:
        start: ISO 8601 time of the first sample; None: from the metadata or name of each file.
        timezone: IANA name of the zone of local times; None: local times stay unknown.

    Raises:
        SettingsError: The time or the zone is not valid, or a local time lacks its zone.
    """

    start: str | None = None
    timezone: str | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self._given_utc_s() is None:
            raise SettingsError(
                f"--start is {self.start!r}; give a time with its offset, such as 2024-05-01T04:30:00+02:00 or "
                "2024-05-01T02:30:00Z, or give --timezone too"
            )
        self._zone()

    def utc_s(self, path: Path) -> float | None:
        """Return the UTC of the first sample of a recording, in seconds since 1970; None if it is unknown.

        The sources, in order of precedence: the option, GUANO, the comment of an AudioMoth, the file name.
        """
        if self.start is not None:
            return self._given_utc_s()
        zone = self._zone()
        for time in (_guano_time(path, zone), _comment_time(path), _name_time(path.stem, zone)):
            if time is not None and FIRST_YEAR <= time.year < YEARS.stop:
                return time.timestamp()
        return None

    def _given_utc_s(self) -> float | None:
        time = _iso_time(self.start or "", self._zone())
        return None if time is None else time.timestamp()

    def _zone(self) -> tzinfo | None:
        if self.timezone is None:
            return None
        try:
            return ZoneInfo(self.timezone)
        except (OSError, ValueError, KeyError) as error:
            raise SettingsError(
                f"--timezone is {self.timezone!r}; give an IANA name such as UTC or Europe/Berlin"
            ) from error


def _guano_time(path: Path, zone: tzinfo | None) -> datetime | None:
    try:
        return _iso_time(read_guano(path).get("Timestamp", ""), zone)
    except AudioFileError:
        return None


def _comment_time(path: Path) -> datetime | None:
    """Return the time in the comment that an AudioMoth writes into its WAV files."""
    with suppress(OSError, TypeError, ValueError, soundfile.LibsndfileError):
        with soundfile.SoundFile(os.fsencode(path)) as sound:
            found = AUDIOMOTH_COMMENT.search(sound.comment)
        if found:
            hours = int(found[3] or 0)
            minutes = int(found[4] or 0)
            text = f"{found[1]} {found[2]} {'-' if hours < 0 else '+'}{abs(hours):02}{minutes:02}"
            return datetime.strptime(text, "%H:%M:%S %d/%m/%Y %z")
    return None


def _name_time(stem: str, zone: tzinfo | None) -> datetime | None:
    with suppress(ValueError):
        if found := WITH_OFFSET.search(stem):
            time = datetime.strptime(found[1] + found[3], "%Y%m%dT%H%M%S%z")
            return time.replace(microsecond=round(float(found[2] or 0) * 1e6))
        if found := AUDIOMOTH.fullmatch(stem):
            return datetime.strptime(found[1], "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
        if AUDIOMOTH_HEX.fullmatch(stem):
            return datetime.fromtimestamp(int(stem, 16), UTC)
        if zone is not None and (found := LOCAL.search(stem)):
            time = datetime.strptime(found[1] + found[2], "%Y%m%d%H%M%S")
            return time.replace(microsecond=1000 * int(found[3] or 0), tzinfo=zone)
    return None


def _iso_time(text: str, zone: tzinfo | None) -> datetime | None:
    """Return a time with its zone; None if the text is not a time of a recording, or is local without a known zone."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if time.year not in YEARS:
        return None
    if time.tzinfo is None:
        return None if zone is None else time.replace(tzinfo=zone)
    return time


FROM_RECORDING = StartTime()
