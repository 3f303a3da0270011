"""The labelled sets in a data folder with an index, or in any labelled folder."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from birdedge.edge.errors import DataError
from birdedge.train.data.annotations import AOEF, TABLE, Box, read_boxes
from birdedge.train.data.noise_kinds import noise_kind
from birdedge.train.data.recordings import Recording, bird_heard, read_index
from birdedge.train.data.sound_bank import load_sound_bank
from birdedge.train.data.splits import held_out_recordings
from birdedge.train.evaluation.labelled_audio import (
    FOCAL_MIXING,
    FOCAL_SEED,
    SCENE_MIXING,
    SCENE_SEED,
    LabelledFile,
    MaskedClip,
    audio_files,
    mixed_clips,
    painted_clips,
)

MAX_FOCAL_CLIPS = 60
MAX_SCENES = 40


@dataclass(frozen=True, eq=False)
class EvaluationSets:
    """Labelled sets by name: `masked` for mask scores, `positives` for recall, and `noise` for false events.

    `presence` holds the field clips that people listened to.
    """

    split: str
    masked: dict[str, list[MaskedClip]]
    positives: dict[str, list[LabelledFile]]
    noise: list[LabelledFile]
    presence: list[LabelledFile] = field(default_factory=list)


def read_sets(folder: Path, split: str = "test", mixes: int = 200) -> EvaluationSets:
    """Return all sets of a folder that can be scored.

    With an index.tsv, the sets are `painted` (never trained on) and, from the split, `mixes`, `focal` (birds as
    recorded, labelled by their energy), `boxes`, `notes`, noise, and the field clips that people listened to.

    Without one, PNG files next to audio are `painted`. An annotations.tsv or annotations.json (AOEF) in the folder or
    its parent, or Raven tables or Audacity label tracks next to the audio, give `boxes`, or `notes` if they lack
    frequencies. A folder of audio without any label counts as noise.

    Args:
        folder: Folder of audio files and their labels.
        split: "validation" or "test", for a folder with an index.
        mixes: Number of mixes.

    Raises:
        DataError: There is nothing to score.
    """
    if (folder / "index.tsv").is_file():
        return _indexed(folder, split, mixes)
    painted = painted_clips(folder)
    files = audio_files(folder)
    positives = _labelled(_boxes_of(folder, files))
    noise = []
    if not painted and not positives:
        noise = [LabelledFile(path, noise=noise_kind(_without_index(path, folder))) for path in files]
    if not (painted or positives or noise):
        raise DataError(
            f"{folder} holds nothing to score on; give a folder with index.tsv, painted PNGs next to their audio, "
            "annotations.tsv, annotations.json (AOEF), Raven or Audacity tables, or recordings without birds"
        )
    return EvaluationSets(split, {"painted": painted} if painted else {}, positives, noise)


def validation_mixes(folder: Path, count: int) -> list[MaskedClip]:
    """Return mixes of the validation split, to choose thresholds on.

    Raises:
        DataError: The folder has no index.
    """
    return mixed_clips(load_sound_bank(held_out_recordings(read_index(folder), "validation")), count)


def _indexed(folder: Path, split: str, mixes: int) -> EvaluationSets:
    recordings = held_out_recordings(read_index(folder), split)
    sound_bank = load_sound_bank(recordings)
    masked = {"painted": painted_clips(folder / "painted"), "mixes": mixed_clips(sound_bank, mixes)}
    masked["scenes"] = mixed_clips(sound_bank, min(MAX_SCENES, mixes), SCENE_MIXING, SCENE_SEED)
    if sound_bank.focal_recordings:
        count = min(MAX_FOCAL_CLIPS, mixes)
        masked["focal"] = mixed_clips(sound_bank, count, FOCAL_MIXING, FOCAL_SEED)
    boxes = read_boxes(folder, [r.path for r in recordings if r.kind in ("boxes", "notes")])
    in_split = {r.path: boxes[r.path] for r in recordings if r.kind in ("boxes", "notes") and r.path in boxes}
    noise = [LabelledFile(r.path, noise=noise_kind(r)) for r in recordings if r.kind == "noise"]
    presence = [
        LabelledFile(r.path, bird_heard=heard) for r in recordings if (heard := bird_heard(r)) is not None
    ]
    return EvaluationSets(
        split, {name: clips for name, clips in masked.items() if clips}, _labelled(in_split), noise, presence
    )


def _boxes_of(folder: Path, files: list[Path]) -> dict[Path, tuple[Box, ...]]:
    above = [
        place for place in (folder, folder.parent) if any((place / name).is_file() for name in (TABLE, AOEF))
    ]
    listed = read_boxes(above[0] if above else folder, files)
    return {path: listed[path] for path in files if listed.get(path)}


def _labelled(boxes: dict[Path, tuple[Box, ...]]) -> dict[str, list[LabelledFile]]:
    sets: dict[str, list[LabelledFile]] = {}
    for path, found in boxes.items():
        name = "notes" if any(math.isnan(box.low_hz) for box in found) else "boxes"
        sets.setdefault(name, []).append(LabelledFile(path, found))
    return sets


def _without_index(path: Path, folder: Path) -> Recording:
    """Return a noise recording about which only the name is known."""
    return Recording(
        path, "noise", "", "", folder.name, str(path.relative_to(folder)), math.nan, "", "", math.nan
    )
