"""What a folder holds to score on: our own layout with its index, or any labelled folder by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.errors import DataError
from birdedge.train.data.recordings import Recording, held_out_recordings, read_index
from birdedge.train.data.sound_bank import load_bank
from birdedge.train.evaluation.annotations import raven_table_of, read_annotations, read_raven
from birdedge.train.evaluation.event_scores import Box
from birdedge.train.evaluation.labelled import (
    FOCAL_MIXING,
    FOCAL_SEED,
    LabelledFile,
    MaskedClip,
    audio_files,
    mixed_clips,
    painted_clips,
)
from birdedge.train.evaluation.noise_kinds import noise_kind

FOCAL_CLIPS = 60


@dataclass(frozen=True, eq=False)
class EvaluationSets:
    """`masked` is scored bin by bin, `positives` by recall alone, `noise` by false events; by name of the set."""

    split: str
    masked: dict[str, list[MaskedClip]]
    positives: dict[str, list[LabelledFile]]
    noise: list[LabelledFile]


def read_sets(folder: Path, split: str = "test", mixes: int = 200) -> EvaluationSets:
    """All that can be scored in `folder`.

    With an index.tsv: `painted` (never trained on), and of the split `mixes`, `focal` (birds as recorded, labelled
    by themselves), `boxes`, `notes` and noise. Without: PNG beside sound is painted; annotations.tsv in the folder
    or the one above, or Raven tables beside the sound, are boxes or, without frequencies, notes; a folder of
    sound without any label is taken to hold no birds.

    Raises: DataError where nothing can be scored.
    """
    if (folder / "index.tsv").is_file():
        return _indexed(folder, split, mixes)
    painted = painted_clips(folder)
    sounds = audio_files(folder)
    positives = _labelled(_boxes_of(folder, sounds))
    noise = []
    if not painted and not positives:
        noise = [LabelledFile(path, noise=noise_kind(_unknown(path, folder))) for path in sounds]
    if not (painted or positives or noise):
        raise DataError(
            f"{folder} holds nothing to score on; give a folder with index.tsv, painted PNGs beside their sound, "
            "annotations.tsv, Raven selection tables, or recordings without birds"
        )
    return EvaluationSets(split, {"painted": painted} if painted else {}, positives, noise)


def validation_mixes(folder: Path, count: int) -> list[MaskedClip]:
    """Mixes of the validation split, to choose thresholds on. Raises: DataError where there is no index."""
    return mixed_clips(load_bank(held_out_recordings(read_index(folder), "validation")), count)


def _indexed(folder: Path, split: str, mixes: int) -> EvaluationSets:
    recordings = held_out_recordings(read_index(folder), split)
    bank = load_bank(recordings)
    masked = {"painted": painted_clips(folder / "painted"), "mixes": mixed_clips(bank, mixes)}
    if bank.focals:
        count = min(FOCAL_CLIPS, mixes)
        masked["focal"] = mixed_clips(bank, count, FOCAL_MIXING, FOCAL_SEED)
    table = folder / "annotations.tsv"
    boxes = read_annotations(table) if table.is_file() else {}
    kept = {r.path: boxes[r.path] for r in recordings if r.kind in ("boxes", "notes") and r.path in boxes}
    noise = [LabelledFile(r.path, noise=noise_kind(r)) for r in recordings if r.kind == "noise"]
    return EvaluationSets(split, {k: v for k, v in masked.items() if v}, _labelled(kept), noise)


def _boxes_of(folder: Path, sounds: list[Path]) -> dict[Path, tuple[Box, ...]]:
    table = next(
        (t for t in (folder / "annotations.tsv", folder.parent / "annotations.tsv") if t.is_file()), None
    )
    if table is not None:
        listed = read_annotations(table)
        return {path: listed[path] for path in sounds if path in listed}
    ravens = {path: raven_table_of(path) for path in sounds}
    return {path: read_raven(table) for path, table in ravens.items() if table is not None}


def _labelled(boxes: dict[Path, tuple[Box, ...]]) -> dict[str, list[LabelledFile]]:
    sets: dict[str, list[LabelledFile]] = {}
    for path, found in boxes.items():
        name = "notes" if any(math.isnan(box.low_hz) for box in found) else "boxes"
        sets.setdefault(name, []).append(LabelledFile(path, found))
    return sets


def _unknown(path: Path, folder: Path) -> Recording:
    """A recording of which its name alone is known."""
    return Recording(path, "noise", "", "", folder.name, str(path.relative_to(folder)), "", "", math.nan)
