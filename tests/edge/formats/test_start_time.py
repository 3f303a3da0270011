"""The start of a recording, from its file name and from the metadata that recorders write."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.errors import SettingsError
from birdedge.edge.formats.guano import guano_text, with_guano
from birdedge.edge.formats.start_time import StartTime


def utc(path: Path | str, start: str | None = None, timezone: str | None = None) -> str | None:
    utc_s = StartTime(start, timezone).utc_s(Path(path))
    return None if utc_s is None else datetime.fromtimestamp(utc_s, UTC).isoformat().replace("+00:00", "Z")


def recording(folder: Path, name: str, guano: dict[str, str] | None = None, comment: str = "") -> Path:
    path = folder / name
    with soundfile.SoundFile(path, "w", 8000, 1) as sound:
        if comment:
            sound.comment = comment
        sound.write(np.zeros(800))
    if guano:
        path.write_bytes(with_guano(path.read_bytes(), guano_text(guano)))
    return path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20240501_043000.WAV", "2024-05-01T04:30:00Z"),  # AudioMoth
        ("20240501_043000T.WAV", "2024-05-01T04:30:00Z"),  # triggered
        ("24F3190361DF3A05_20240501_043000.WAV", "2024-05-01T04:30:00Z"),  # with the device number
        ("5CC3B9E8.WAV", "2019-04-27T02:09:44Z"),  # old firmware
        ("20240501T043000+1000_REC.flac", "2024-04-30T18:30:00Z"),  # BAR
        ("20240501T043000-0330_REC [19.2144 152.8811].flac", "2024-05-01T08:00:00Z"),
        (
            "S20240501T043000.250000+1000_E20240501T053000.0+1000_+12.34-98.76.wav",
            "2024-04-30T18:30:00.250000Z",
        ),
        ("site7_20240501T043000Z.wav", "2024-05-01T04:30:00Z"),
        ("20240501T043012.345Z_2000-5000Hz_0.99.flac", "2024-05-01T04:30:12.345000Z"),  # a clip of birdedge
        ("SMA01234_20240501_043000.wav", None),  # local time of an unknown zone
        ("19700101_000003.WAV", None),  # a clock that was never set
        ("20241399_999999.WAV", None),
        ("99991231_235959.WAV", None),  # an event would be in the year 10000
        ("99991231T235959-1000_REC.flac", None),
        ("12345678.wav", None),
        ("120240501_0430001.wav", None),
        ("dawn.wav", None),
    ],
)
def test_a_time_in_a_file_name_is_read(name: str, expected: str | None) -> None:
    assert utc(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SMA01234_20240501_043000.wav", "2024-05-01T02:30:00Z"),  # Song Meter Mini
        ("S4A01234_20241201_043000.wav", "2024-12-01T03:30:00Z"),  # SM4, in winter
        ("SM2_20240501$043000.wav", "2024-05-01T02:30:00Z"),
        ("SITE_0+1_20240501_043000.wav", "2024-05-01T02:30:00Z"),
        ("SM304472_0+1_20240501_043000_000.wav", "2024-05-01T02:30:00Z"),
        ("BAT_20240501_043000_250.wav", "2024-05-01T02:30:00.250000Z"),
        ("20240501_043000.WAV", "2024-05-01T04:30:00Z"),  # an AudioMoth writes UTC
        ("20240501T043000+1000_REC.flac", "2024-04-30T18:30:00Z"),  # states its own zone
    ],
)
def test_a_local_time_in_a_name_needs_a_zone(name: str, expected: str) -> None:
    assert utc(name, timezone="Europe/Berlin") == expected


def test_metadata_takes_precedence_over_the_name(tmp_path: Path) -> None:
    name = "20240501_043000.wav"
    guano = {"Timestamp": "2024-05-01T06:30:00.500+01:00"}
    assert utc(recording(tmp_path, name, guano)) == "2024-05-01T05:30:00.500000Z"
    local = recording(tmp_path, name, {"Timestamp": "2024-06-01 06:30:00"})
    assert utc(local, timezone="Europe/Berlin") == "2024-06-01T04:30:00Z"
    assert utc(local) == "2024-05-01T04:30:00Z"
    moth = recording(
        tmp_path, name, comment="Recorded at 04:30:00 01/05/2024 (UTC-3:30) by AudioMoth 24F3190361DF3A05"
    )
    assert utc(moth) == "2024-05-01T08:00:00Z"
    assert utc(recording(tmp_path, name, comment="Recorded at dawn")) == "2024-05-01T04:30:00Z"


def test_a_given_start_takes_precedence_over_all_else() -> None:
    assert utc("20240501_043000.WAV", "2020-01-02T03:04:05.5Z") == "2020-01-02T03:04:05.500000Z"
    assert utc("a.wav", "2020-06-02T03:04:05+02:00") == "2020-06-02T01:04:05Z"
    assert utc("a.wav", "2020-06-02T03:04:05", "America/New_York") == "2020-06-02T07:04:05Z"


@pytest.mark.parametrize(
    ("start", "timezone", "sentence"),
    [
        ("soon", None, "--start is 'soon'; give a time with its offset"),
        ("9999-12-31T23:59:59Z", None, "give a time with its offset"),
        ("0001-01-01T00:00:00+14:00", None, "give a time with its offset"),
        ("2020-06-02T03:04:05", None, "or give --timezone too"),
        (None, "Mars", "--timezone is 'Mars'; give an IANA name"),
        (None, "../etc/passwd", "give an IANA name"),
        (None, "", "give an IANA name"),
    ],
)
def test_an_invalid_time_or_time_zone_is_an_error(
    start: str | None, timezone: str | None, sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        StartTime(start, timezone)
