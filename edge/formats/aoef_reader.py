"""Read AOEF files: the annotations that people drew in Whombat, and the recordings of its data sets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from birdedge.edge.errors import DataError
from birdedge.edge.formats.aoef import TAG_OF_LABEL, TAGS, known_recordings

NOT_BIRDS = {(tag["key"], tag["value"]) for tag in TAGS if tag["id"] != TAG_OF_LABEL["bird"]}


class AoefBox(NamedTuple):
    """The box around an annotation; the frequencies are None if only its time is known."""

    onset_s: float
    offset_s: float
    low_hz: float | None
    high_hz: float | None


def read_known_recordings(path: Path) -> dict[str, UUID]:
    """Return the UUIDs of the recordings of an AOEF file, by digest and by path.

    Raises:
        DataError: It cannot be read as AOEF, or names no recordings.
    """
    data = _read(path)
    try:
        known = known_recordings(data.get("recordings") or ())
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _malformed(path, error) from error
    if not known:
        raise DataError(f"{path} names no recordings: give a data set or project that Whombat exported")
    return known


def read_annotated_boxes(path: Path) -> dict[str, tuple[AoefBox, ...]]:
    """Return the boxes of the birds that people annotated, by the path of the recording in the file.

    A polygon becomes the box around it, and a MultiPolygon one box around all its parts. A recording whose clips hold
    no bird has no boxes. Annotations with the label "not bird" or "other" are left out.

    Raises:
        DataError: It cannot be read as AOEF, or holds no annotations.
    """
    data = _read(path)
    if not data.get("clip_annotations"):
        raise DataError(f"{path} holds no annotations: give an annotation project that Whombat exported")
    try:
        paths = {recording["uuid"]: str(recording["path"]) for recording in data.get("recordings") or ()}
        clips = {clip["uuid"]: clip["recording"] for clip in data.get("clips") or ()}
        events = {event["uuid"]: event for event in data.get("sound_events") or ()}
        tags = {tag["id"]: (tag["key"], tag["value"]) for tag in data.get("tags") or ()}
        boxes: dict[str, list[AoefBox]] = {
            paths[clips[annotation["clip"]]]: [] for annotation in data["clip_annotations"]
        }
        for annotation in data.get("sound_event_annotations") or ():
            if {tags[tag] for tag in annotation.get("tags") or ()} & NOT_BIRDS:
                continue
            event = events[annotation["sound_event"]]
            boxes.setdefault(paths[event["recording"]], []).append(_box(event["geometry"]))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise _malformed(path, error) from error
    return {name: tuple(sorted(found, key=lambda box: box.onset_s)) for name, found in boxes.items()}


def _box(geometry: Mapping[str, Any]) -> AoefBox:
    kind, coordinates = geometry["type"], geometry["coordinates"]
    if kind == "TimeStamp":
        coordinates = [coordinates]
    if kind in ("TimeStamp", "TimeInterval"):
        times_s = [float(time_s) for time_s in coordinates]
        return AoefBox(min(times_s), max(times_s), None, None)
    if kind == "BoundingBox":
        onset_s, low_hz, offset_s, high_hz = coordinates
        coordinates = [[onset_s, low_hz], [offset_s, high_hz]]
    times_s, hz = map(list, zip(*_points(coordinates), strict=True))
    return AoefBox(min(times_s), max(times_s), min(hz), max(hz))


def _points(coordinates: Any) -> Iterator[tuple[float, float]]:
    """Yield the points of a geometry, however deeply they are nested."""
    if isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _points(part)
    else:
        time_s, hz = coordinates
        yield float(time_s), float(hz)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes(), parse_constant=_refuse)
        data = values["data"]
        data["collection_type"]
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path} cannot be read as AOEF ({error}): give a JSON file that Whombat exported"
        ) from error
    except (KeyError, TypeError) as error:
        raise _malformed(path, error) from error
    return dict(data)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _malformed(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} is not AOEF ({error!r}): give a JSON file that Whombat or soundevent wrote")
