"""The sounds on which gates are trained and scored, and what the networks find in them."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.experiment import segmented
from benchmarks.studies.sleep_gate import features
from birdedge.edge.event import Event
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.train.data.annotations import Box
from birdedge.train.data.noise_kinds import noise_kind
from birdedge.train.data.recordings import Recording, bird_heard
from birdedge.train.data.sound_bank import load_sound_bank, read_mono
from birdedge.train.data.splits import family_marks, held_out_recordings
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.detectors import events_of, log_spectrogram
from birdedge.train.evaluation.labelled_audio import SCENE_MIXING, SCENE_SEED, mixed_clips

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
TRAINING_SCENES, TRAINING_SEED = 100, 6
FIELD_CLIP = "field clip"  # kind of noise where people heard no bird
INDOORS = ("household", "speech", "engine")  # noises that are not field sound
LABELLED = ("phrases found", "boxes found", "clips with a bird")
QUIET = ("field, no bird", "night")
PLACES = (*QUIET, "indoors, no bird", "day or unknown", "clips with a bird")


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording or a scene: its place, its frames, its labelled birds, its events and the scores of the gates."""

    place: str  # one of PLACES, or the first two of LABELLED
    noise: str  # kind of noise, "" with birds
    level: Float32
    labels: tuple[Box, ...]
    has_event: Bool  # [chunks], of the default model
    scores: dict[str, Float32]  # [chunks], by gate


def training_chunks(model: Model, training: list[Recording]) -> Iterator[tuple[Float32, Bool]]:
    """Yield the features of the chunks of recordings and mixed scenes, and which overlap an event."""
    alone = [r for r in training if r.kind in ("birds", "boxes", "notes") or is_noise_to_learn(r)]
    clips = mixed_clips(load_sound_bank(training), TRAINING_SCENES, SCENE_MIXING, TRAINING_SEED)
    scenes = (log_spectrogram(clip.samples, clip.sample_rate_hz) for clip in clips)
    for level in (*map(_level, alone), *scenes):
        if len(level) >= model.card.chunk_frames:
            yield (
                features(network_input(model, level), model.card.chunk_frames),
                chunks_with_events(model, level),
            )


def is_noise_to_learn(recording: Recording) -> bool:
    """Return whether gates learn from a noise recording by itself; a hash selects half of the families."""
    return recording.kind == "noise" and zlib.crc32(family_marks(recording)[0].encode()) % 2 == 1


def measured(
    recordings: list[Recording], boxes: dict[Path, tuple[Box, ...]], scenes: int
) -> Iterator[tuple[str, str, Float32, tuple[Box, ...]]]:
    """Yield the place, the kind of noise, the frames and the labels of all sounds to score on."""
    validation = held_out_recordings(recordings, "validation")
    for clip in mixed_clips(load_sound_bank(validation), scenes, SCENE_MIXING, SCENE_SEED):
        yield LABELLED[0], "", log_spectrogram(clip.samples, clip.sample_rate_hz), tuple(clip.phrases)
    others = [r for r in recordings if (r.split, r.kind) == ("train", "noise") and not is_noise_to_learn(r)]
    scapes = [r for r in recordings if r.split != "test" and r.kind == "soundscapes"]
    for recording in validation:
        if recording.kind == "boxes" and recording.path in boxes:
            yield LABELLED[1], "", _level(recording), boxes[recording.path]
        elif bird_heard(recording):
            yield LABELLED[2], "", _level(recording), ()
    for recording in [*(r for r in validation if r.kind == "noise"), *others]:
        noise = noise_kind(recording) if bird_heard(recording) is None else FIELD_CLIP
        yield "indoors, no bird" if noise in INDOORS else QUIET[0], noise, _level(recording), ()
    for recording in scapes:
        yield "night" if is_night(recording.original) else "day or unknown", "", _level(recording), ()


def is_night(original: str) -> bool:
    """Return whether a name contains "Night" or a time from 19:00 to 6:00."""
    hour = re.search(r"\d{8}_(\d\d)\d{4}", original)
    return "Night" in original or (hour is not None and not 6 <= int(hour[1]) < 19)


def network_input(model: Model, level: Float32) -> Float32:
    """Return the network input of whole chunks `[2, frames, bins]`; silence fills the last one."""
    missing = -len(level) % model.card.chunk_frames
    padded = np.pad(level, ((0, missing), (0, 0)), constant_values=np.log(GRID.magnitude_floor))
    x: Float32 = NetworkInput(model.card.scaling).push(padded)[0]
    return x


def found_events(segmenter: Segmenter, level: Float32) -> list[Event]:
    """Return the events that the recorder finds with a segmenter."""
    output = segmented(segmenter, level)
    return events_of(output.mask, output.level, output.floor, segmenter.card.events, output.classes)


def chunks_with_events(model: Model, level: Float32) -> Bool:
    """Return which chunks overlap an event of the model."""
    frames = model.card.chunk_frames
    found = np.zeros(-(-len(level) // frames), bool)
    for event in found_events(Segmenter(model), level):
        found[event.first_frame // frames : (event.first_frame + len(event.mask) - 1) // frames + 1] = True
    return found


def small_scores(small: Model, level: Float32, chunk_frames: int) -> Float32:
    """Return the highest probability of a bird that the small network gives after each chunk."""
    card, output = small.card, segmented(Segmenter(small), level)
    mask, classes = output.mask, output.classes
    rows, stride, columns = len(classes), card.time_stride_frames, GRID.bins // card.class_bins
    mask = np.pad(mask, ((0, rows * stride - len(mask)), (0, 0)))
    cells = mask.reshape(rows, stride, columns, card.class_bins).max(axis=(1, 3))
    odds = np.exp(classes - classes.max(axis=2, keepdims=True))
    best = (cells * odds[..., 0] / odds.sum(axis=2)).max(axis=1)
    # After a chunk, the mask is known up to the lookahead before its end.
    early = np.zeros(card.lookahead_frames // stride)
    per_chunk = chunk_frames // stride
    chunks = -(-len(level) // chunk_frames)
    best = np.concatenate([early, best, np.zeros(per_chunk)])[: chunks * per_chunk]
    return np.asarray(best.reshape(chunks, per_chunk).max(axis=1), np.float32)


def _level(recording: Recording) -> Float32:
    return log_spectrogram(read_mono(recording), GRID.sample_rate_hz)
