"""AOEF, the Acoustic Objects Exchange Format of soundevent and Whombat: its objects, and how they are identified.

https://mbsantiago.github.io/soundevent/ (version 1.1.0 of the format). Objects refer to one another by UUIDs. The UUIDs
of recordings and clips follow the rule of soundevent; all others are digests of what they identify, so that the same
events written again are the same objects.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import file_digest, md5
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5

import soundfile

from birdedge.edge.errors import AudioFileError, AudioFileMissingError, SettingsError
from birdedge.edge.formats.guano import read_guano

if TYPE_CHECKING:  # an Event loads numpy
    from birdedge.edge.event import Event

VERSION = "1.1.0"
RECORDING_NAMESPACE = UUID("0bdb565c-eda2-552a-8209-4cefa086924a")  # of soundevent
CLIP_NAMESPACE = UUID("e16b8145-55e0-5e5b-9202-5b8a9d8b2eb1")  # likewise
NAMESPACE = UUID("5bb7ff25-7b13-5f05-9f35-1f3cf9b2a4a8")  # of birdedge
FEATURES = {  # attribute of `Event`: name in the file
    "score": "birdedge_score",
    "peak_hz": "birdedge_peak_hz",
    "snr_db": "birdedge_snr_db",
    "area_hz_s": "birdedge_area_hz_s",
}
BIRD_TAG, NOT_BIRD_TAG, OTHER_TAG = 0, 1, 2
TAGS = (
    {"id": BIRD_TAG, "key": "class", "value": "Aves"},
    {"id": NOT_BIRD_TAG, "key": "birdedge_label", "value": "not bird"},
    {"id": OTHER_TAG, "key": "birdedge_label", "value": "other"},
)
TAG_OF_LABEL = {"": BIRD_TAG, "bird": BIRD_TAG, "not bird": NOT_BIRD_TAG, "other": OTHER_TAG}


@dataclass(frozen=True)
class AoefRecording:
    """A recording; `path` is relative to the audio folder, and the UTC and place are None if unknown."""

    uuid: UUID
    path: str
    md5: str
    duration_s: float
    channels: int
    sample_rate_hz: int
    start_utc_s: float | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None

    def json(self) -> dict[str, Any]:
        """Return the recording as an AOEF object."""
        values: dict[str, Any] = {
            "uuid": str(self.uuid),
            "path": self.path,
            "duration": self.duration_s,
            "channels": self.channels,
            "samplerate": self.sample_rate_hz,
            "hash": self.md5,
        }
        if self.start_utc_s is not None:
            start = datetime.fromtimestamp(round(self.start_utc_s, 3), UTC)
            values |= {"date": start.date().isoformat(), "time": start.time().isoformat()}
        if self.latitude_deg is not None and self.longitude_deg is not None:
            values |= {"latitude": self.latitude_deg, "longitude": self.longitude_deg}
        return values


class AoefEvent(NamedTuple):
    """An event with its geometry, and the label and note that a person gave it."""

    event: Event  # its times count from the start of the recording
    geometry: Mapping[str, Any]
    label: str = ""  # a key of TAG_OF_LABEL
    note: str = ""

    @property
    def features(self) -> dict[str, float]:
        """The measured values that are known."""
        values = {name: float(getattr(self.event, attribute)) for attribute, name in FEATURES.items()}
        return {name: round(value, 4) for name, value in values.items() if math.isfinite(value)}


def recording_uuid(md5_hex: str) -> UUID:
    """Return the UUID of a recording by its MD5 digest."""
    return uuid5(RECORDING_NAMESPACE, md5_hex)


def clip_uuid(recording: UUID, start_s: float, end_s: float) -> UUID:
    """Return the UUID of a part of a recording."""
    return uuid5(CLIP_NAMESPACE, f"{recording}:{round(start_s, 6)}:{round(end_s, 6)}")


def own_uuid(*parts: object) -> UUID:
    """Return the UUID of one of birdedge's own objects from the values that identify it."""
    return uuid5(NAMESPACE, ":".join(map(str, parts)))


def event_uuid(recording: UUID, event: Event) -> UUID:
    """Return the UUID of an event as a sound event."""
    box = (event.onset_s, event.offset_s, event.low_hz, event.high_hz)
    return own_uuid("event", recording, *(f"{value:.4f}" for value in box))


def read_recording(
    path: Path, audio_folder: Path, start_utc_s: float | None, known: Mapping[str, UUID] | None = None
) -> AoefRecording:
    """Return the properties of an audio file; its place comes from its GUANO metadata.

    Args:
        path: Path of the file, which is read to its end for its digest.
        audio_folder: Folder to which paths are relative.
        start_utc_s: UTC of its first sample.
        known: UUIDs of recordings by digest and by path, as `known_recordings` returns them.

    Raises:
        AudioFileMissingError: There is no such file.
        AudioFileError: It is not audio.
        SettingsError: It is not in the audio folder, its name is not UTF-8, or it is not among the known recordings.
    """
    relative = _relative(path, audio_folder)
    try:
        with path.open("rb") as file:
            md5_hex = file_digest(file, partial(md5, usedforsecurity=False)).hexdigest()
        found = soundfile.info(os.fsencode(path))
    except FileNotFoundError as error:
        raise AudioFileMissingError(
            f"{path} does not exist: give the folder that holds the recordings"
        ) from error
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioFileError(
            f"{path} cannot be read as audio ({error}): give a complete audio file"
        ) from error
    uuid = recording_uuid(md5_hex)
    if known is not None:
        listed = known.get(md5_hex) or known.get(relative)
        if listed is None:
            raise SettingsError(
                f"{path} is not in the data set that was given with --dataset: export it again"
            )
        uuid = listed
    place = _place(read_guano(path).get("Loc Position", ""))
    return AoefRecording(
        uuid,
        relative,
        md5_hex,
        found.frames / found.samplerate,
        found.channels,
        found.samplerate,
        start_utc_s,
        *place,
    )


def known_recordings(recordings: Iterable[Mapping[str, Any]]) -> dict[str, UUID]:
    """Return the UUIDs of the recordings of an AOEF file, by digest and by path."""
    known = {}
    for recording in recordings:
        uuid = UUID(recording["uuid"])
        known[PurePath(recording["path"]).as_posix()] = uuid
        if recording.get("hash"):
            known[recording["hash"]] = uuid
    return known


def _relative(path: Path, audio_folder: Path) -> str:
    try:
        relative = path.resolve().relative_to(audio_folder.resolve()).as_posix()
        relative.encode()
    except UnicodeEncodeError as error:
        raise SettingsError(f"the name of {path} is not UTF-8, which AOEF needs: rename the file") from error
    except ValueError as error:
        raise SettingsError(
            f"{path} is not in the audio folder {audio_folder}: give a folder that contains all recordings with "
            "--audio-folder"
        ) from error
    return relative


def _place(text: str) -> tuple[float, float] | tuple[None, None]:
    try:
        latitude_deg, longitude_deg = map(float, text.split())
    except ValueError:
        return None, None
    is_place = abs(latitude_deg) <= 90 and abs(longitude_deg) <= 180
    return (latitude_deg, longitude_deg) if is_place else (None, None)
