"""The recordings of an export, each with its events, and how they are added to the files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from birdedge.edge.errors import AudioError, DataError, SettingsError
from birdedge.edge.event import Event
from birdedge.edge.formats.aoef import AoefEvent, AoefRecording, read_recording
from birdedge.edge.formats.aoef_files import AoefFiles
from birdedge.edge.formats.event_shape import shaped_events
from birdedge.edge.formats.mask_npz import read_mask_file

MAX_HZ = 5_000_000.0  # soundevent refuses a file with a higher frequency


class FoundRecording(NamedTuple):
    """A recording with its events; without a mask file, events are written as boxes."""

    path: Path
    start_utc_s: float | None
    events: Sequence[Event]
    mask_file: Path | None = None
    said: Sequence[tuple[str, str]] = ()  # label and note of each event; () if there are none


def add_recordings(
    files: AoefFiles,
    recordings: Iterable[FoundRecording],
    audio_folder: Path,
    known: Mapping[str, UUID] | None = None,
    tolerance: float = 0.0,
) -> Iterator[str]:
    """Add recordings; skip those that cannot be read or used, and yield an error message for each.

    Args:
        files: The writer.
        recordings: The recordings to add.
        audio_folder: Folder to which paths are relative.
        known: As for `read_recording`.
        tolerance: As for `event_geometry`.

    Raises:
        OutputError: The files cannot be written.
    """
    for found in recordings:
        try:
            recording = read_recording(found.path, audio_folder, found.start_utc_s, known)
            files.add(recording, _shaped(recording, found, tolerance))
        except (AudioError, DataError, SettingsError) as error:
            yield str(error)


def _shaped(recording: AoefRecording, found: FoundRecording, tolerance: float) -> list[AoefEvent]:
    """Return the events of a recording with their shapes, labels and notes.

    Raises:
        DataError: An event is outside the recording, or the mask file is damaged.
    """
    for event in found.events:
        in_time = (
            0 <= event.onset_s <= min(event.offset_s, recording.duration_s) and event.offset_s < math.inf
        )
        if not (in_time and 0 <= event.low_hz <= event.high_hz <= MAX_HZ):
            raise DataError(
                f"an event of {found.path} lasts from {event.onset_s:g} to {event.offset_s:g} s and reaches from "
                f"{event.low_hz:g} to {event.high_hz:g} Hz, which cannot be in {recording.duration_s:g} s of audio: "
                "give the events of this recording"
            )
    mask = None if found.mask_file is None else read_mask_file(found.mask_file)
    shaped = shaped_events(found.events, mask, tolerance)
    if not found.said:
        return shaped
    return [
        event._replace(label=label, note=note)
        for event, (label, note) in zip(shaped, found.said, strict=True)
    ]
