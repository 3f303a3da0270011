"""Write AOEF files: `dataset.json`, `annotation_project.json` and `model_run.json` for the same events.

The format holds each kind of object in one list. The lists are spooled to temporary files, so that the events of a
season need no more memory than those of one recording.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from uuid import UUID

from birdedge.edge.errors import DataError
from birdedge.edge.formats.aoef import (
    TAG_OF_LABEL,
    TAGS,
    VERSION,
    AoefEvent,
    AoefRecording,
    clip_uuid,
    event_uuid,
    own_uuid,
)
from birdedge.edge.system.atomic_file import Existing, make_folder, output_errors, refuse_existing, replacing
from birdedge.edge.system.printable import printable

DATASET, PROJECT, MODEL_RUN = "dataset.json", "annotation_project.json", "model_run.json"
_SECTIONS = {
    DATASET: ("recordings",),
    PROJECT: (
        "recordings",
        "clips",
        "sound_events",
        "sound_event_annotations",
        "clip_annotations",
        "tasks",
    ),
    MODEL_RUN: ("recordings", "clips", "sound_events", "sound_event_predictions", "clip_predictions"),
}
INSTRUCTIONS = (
    "Each sound event was found by birdedge. Accept a task when its events are right: delete what is not a bird, "
    "draw what is missing, and correct wrong outlines."
)


@dataclass(frozen=True)
class AoefSettings:
    """The settings of an export."""

    name: str  # of the data set and the project, for people
    model: str
    version: str  # of birdedge
    clip_s: float = 60.0  # longer recordings are divided into clips of this length, each a task
    with_dataset: bool = True  # False if Whombat has the recordings already


class AoefFiles:
    """A writer for the files of one export; they appear, complete, when the `with` block ends without an error.

    Args:
        folder: Where to write; created if missing.
        settings: Settings of the export.
        existing: What to do if files exist.

    Attributes:
        recordings: Number of recordings added.
        events: Number of events added.

    Raises:
        OutputError: The files cannot be written, or exist. Also raised by `add` and on leaving `with`.
    """

    def __init__(self, folder: Path, settings: AoefSettings, existing: Existing = "refuse") -> None:
        self._folder, self._settings, self._existing = folder, settings, existing
        self._names = [name for name in _SECTIONS if settings.with_dataset or name != DATASET]
        self.recordings = self.events = 0
        self._added: set[UUID] = set()
        if existing == "refuse":
            refuse_existing(folder / name for name in self._names)
        self._open = ExitStack()
        with output_errors(folder):
            make_folder(folder)
            self._spools: dict[str, IO[bytes]] = {
                section: self._open.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
                for section in dict.fromkeys(section for name in self._names for section in _SECTIONS[name])
            }

    def add(self, recording: AoefRecording, events: Sequence[AoefEvent]) -> None:
        """Add a recording with its events; if several have the same box, only the last one is added.

        Raises:
            DataError: The recording was already added, perhaps as a copy under another name; nothing is written.
        """
        if recording.uuid in self._added:
            raise DataError(f"{recording.path} has the content of another recording: leave one of them out")
        self._added.add(recording.uuid)
        with output_errors(self._folder):
            self._write("recordings", recording.json())
        clips = list(_clips(recording, self._settings.clip_s))
        ids: list[list[tuple[str, str]]] = [[] for _ in clips]  # of annotations and predictions, by clip
        for uuid, found in {event_uuid(recording.uuid, one.event): one for one in events}.items():
            with output_errors(self._folder):
                pair = self._add_event(recording, uuid, found)
            ids[min(max(0, int(found.event.onset_s // self._settings.clip_s)), len(clips) - 1)].append(pair)
            self.events += 1
        with output_errors(self._folder):
            for (start_s, end_s), pairs in zip(clips, ids, strict=True):
                self._add_clip(recording, start_s, end_s, pairs)
        self.recordings += 1

    def _add_event(self, recording: AoefRecording, sound_event: UUID, found: AoefEvent) -> tuple[str, str]:
        """Write an event; return the UUIDs of its annotation and prediction."""
        annotation, prediction = own_uuid("annotation", sound_event), own_uuid("prediction", sound_event)
        self._write(
            "sound_events",
            {
                "uuid": str(sound_event),
                "recording": str(recording.uuid),
                "geometry": found.geometry,
                "features": found.features,
            },
        )
        annotated: dict[str, Any] = {
            "uuid": str(annotation),
            "sound_event": str(sound_event),
            "tags": [TAG_OF_LABEL[found.label]],
        }
        if found.note:
            annotated["notes"] = [{"uuid": str(own_uuid("note", annotation)), "message": found.note}]
        self._write("sound_event_annotations", annotated)
        score = min(1.0, max(0.0, found.features.get("birdedge_score", 0.0)))
        predicted = {
            "uuid": str(prediction),
            "sound_event": str(sound_event),
            "score": score,
            "tags": [[TAG_OF_LABEL["bird"], score]],
        }
        self._write("sound_event_predictions", predicted)
        return str(annotation), str(prediction)

    def _add_clip(
        self, recording: AoefRecording, start_s: float, end_s: float, pairs: list[tuple[str, str]]
    ) -> None:
        clip = clip_uuid(recording.uuid, start_s, end_s)
        about = {
            "uuid": str(clip),
            "recording": str(recording.uuid),
            "start_time": start_s,
            "end_time": end_s,
        }
        self._write("clips", about)
        for section, uuid, ids in (
            ("clip_annotations", own_uuid("clip annotation", clip), [annotation for annotation, _ in pairs]),
            ("clip_predictions", own_uuid("clip prediction", clip), [prediction for _, prediction in pairs]),
        ):
            self._write(section, {"uuid": str(uuid), "clip": str(clip), "sound_events": ids})
        self._write("tasks", {"uuid": str(own_uuid("task", clip)), "clip": str(clip)})

    def _write(self, section: str, value: object) -> None:
        spool = self._spools[section]
        spool.write(b",\n" if spool.tell() else b"\n")
        spool.write(_encoded(value))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._open:
            if kind is None:
                for name in self._names:
                    self._finish(name)

    def _finish(self, name: str) -> None:
        settings, collection = self._settings, name.removesuffix(".json")
        title = printable(settings.name) or "birdedge"  # JSON cannot hold bytes that are not UTF-8
        created = datetime.now(UTC).isoformat(timespec="seconds")
        about: dict[str, Any] = {
            "uuid": str(own_uuid(collection, title, settings.model)),
            "collection_type": collection,
            "created_on": created,
            "name": title,
            "description": f"Bird sounds found by birdedge {settings.version} with the model {settings.model}",
        }
        if name == PROJECT:
            about |= {"instructions": INSTRUCTIONS, "project_tags": [tag["id"] for tag in TAGS]}
        if name == MODEL_RUN:
            about["model"] = {"name": settings.model, "version": settings.version}
        if name != DATASET:
            about["tags"] = TAGS
        path = self._folder / name
        with replacing(path, self._existing) as file, output_errors(path):
            file.write(b'{"version":%s,"created_on":%s,"data":' % (_encoded(VERSION), _encoded(created)))
            file.write(_encoded(about).removesuffix(b"}"))
            for section in _SECTIONS[name]:
                spool = self._spools[section]
                spool.seek(0)
                file.write(b",\n%s:[" % _encoded(section))
                shutil.copyfileobj(spool, file)
                file.write(b"]")
            file.write(b"}}\n")


def _clips(recording: AoefRecording, clip_s: float) -> Iterator[tuple[float, float]]:
    """Yield the start and end of each clip of a recording; the last may be shorter, and there is at least one."""
    number, end_s = 0, 0.0
    while end_s < recording.duration_s or number == 0:
        start_s, end_s = number * clip_s, min((number + 1) * clip_s, recording.duration_s)
        yield start_s, end_s
        number += 1


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
