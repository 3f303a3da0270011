"""Audio to mix examples from, held in memory: isolated birds, birds as recorded, boxes of birds, and noise."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy import ndimage

from birdedge.edge.errors import DataError
from birdedge.train.data.annotations import Box
from birdedge.train.data.labels import Bool, Float32, focal_mask, isolated_mask, paint
from birdedge.train.data.noise_kinds import noise_class, noise_kind
from birdedge.train.data.recordings import Recording
from birdedge.train.data.stft import GRID, gate, magnitude

Int16 = NDArray[np.int16]
UNLABELLED_KINDS = ("soundscapes", "boxes")  # kinds of recordings without masks
MIN_UNLABELLED_S = 0.5
MERGE_FRAMES = 40  # notes closer than this belong to one phrase
MIN_PHRASE_FRAMES = 4
MIN_FOCAL_SNR_DB = 25.0  # below this, energy cannot label a focal recording
MAX_LASSO_COVER = 0.2  # share of bins; above it the recording is so noisy that the threshold fills the lasso
MIN_FOCAL_COVER, MAX_FOCAL_COVER = 0.001, 0.15  # share of bins; above it the mask has caught the background


@dataclass(frozen=True, eq=False)
class IsolatedBird:
    """A bird with everything else silenced. `phrases` are `(start, stop)` in samples."""

    samples: Int16
    phrases: list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class FocalRecording:
    """A bird as recorded, with its tight mask and the doubtful bins. Shape: both `[frames, bins]`."""

    samples: Int16
    tight: Bool
    doubtful: Bool


@dataclass(frozen=True, eq=False)
class BoxedRecording:
    """A recording in which some birds are boxed in time and frequency. Nothing is known about the rest."""

    samples: Int16
    boxes: tuple[Box, ...]


@dataclass(frozen=True, eq=False)
class Noise:
    """A recording without birds, the class of its sounds, and the highest frequency that its sample rate allows."""

    samples: Int16
    sound_class: str | None  # None: not a bird, otherwise unknown
    cutoff_hz: float | None  # None: as high as the grid


@dataclass
class SoundBank:
    """The audio that examples are mixed from. `noises` are grouped by kind of noise."""

    isolated_birds: list[IsolatedBird] = field(default_factory=list)
    focal_recordings: list[FocalRecording] = field(default_factory=list)
    boxed_recordings: list[BoxedRecording] = field(default_factory=list)
    noises: dict[str, list[Noise]] = field(default_factory=lambda: defaultdict(list))
    unlabelled: list[Int16] = field(default_factory=list)


def random_crop(samples: Int16, n: int, rng: np.random.Generator) -> Float32:
    """Return `n` samples from a random start, repeated if there are fewer."""
    if len(samples) < n:
        samples = np.tile(samples, -(-n // len(samples)))
    start = int(rng.integers(len(samples) - n + 1))
    return samples[start : start + n].astype(np.float32)


def load_sound_bank(
    recordings: Iterable[Recording],
    unlabelled: bool = False,
    boxes: Mapping[Path, tuple[Box, ...]] | None = None,
) -> SoundBank:
    """Return a sound bank of the lasso, birds, notes, boxes and noise recordings; other kinds are skipped.

    Args:
        recordings: Recordings to read.
        boxes: The boxes of birds by file; boxes without a band are skipped.
        unlabelled: Also read the kinds of `UNLABELLED_KINDS`, and the birds whose energy gives no mask.

    Raises:
        DataError: A file cannot be read, or there is no bird or no noise.
    """
    sound_bank = SoundBank()
    for recording in recordings:
        if recording.kind in ("birds", "lasso", "notes"):
            samples, focal_recordings = read_mono(recording), len(sound_bank.focal_recordings)
            _add_birds(sound_bank, recording, samples)
            without_mask = len(sound_bank.focal_recordings) == focal_recordings
            if unlabelled and recording.kind == "birds" and without_mask:
                _add_unlabelled(sound_bank, samples)
        elif recording.kind == "noise" and len(samples := read_mono(recording)) >= GRID.n_fft:
            half_hz = recording.native_hz / 2
            cutoff_hz = half_hz if half_hz < GRID.sample_rate_hz / 2 else None
            noise = Noise(to_int16(samples), noise_class(recording), cutoff_hz)
            sound_bank.noises[noise_kind(recording)].append(noise)
        elif recording.kind == "boxes" and (banded := _with_band((boxes or {}).get(recording.path, ()))):
            sound_bank.boxed_recordings.append(BoxedRecording(to_int16(read_mono(recording)), banded))
        if unlabelled and recording.kind in UNLABELLED_KINDS:
            _add_unlabelled(sound_bank, read_mono(recording))
    if not sound_bank.isolated_birds or not sound_bank.noises:
        raise DataError(
            f"the recordings give {len(sound_bank.isolated_birds)} usable bird sounds and "
            f"{sum(map(len, sound_bank.noises.values()))} noises; give at least one of each"
        )
    return sound_bank


def read_mono(recording: Recording) -> Float32:
    """Return the samples at the grid's rate, channels averaged.

    Raises:
        DataError: The file is missing or is not audio.
    """
    try:
        samples, rate_hz = soundfile.read(recording.path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise DataError(f"{recording.path} cannot be read as audio: {error}") from error
    mono: Float32 = samples.mean(axis=1)
    if rate_hz != GRID.sample_rate_hz:
        mono = soxr.resample(mono, rate_hz, GRID.sample_rate_hz)
    return mono


def to_int16(samples: Float32) -> Int16:
    """Return samples scaled to a peak of 0.5, in half the memory; each mix draws its own level."""
    peak = float(np.abs(samples).max(initial=1e-9))
    return np.round(samples * (16000.0 / peak)).astype(np.int16)


def _add_birds(sound_bank: SoundBank, recording: Recording, samples: Float32) -> None:
    if len(samples) < GRID.n_fft or not samples.any():
        return
    level = magnitude(samples)
    if recording.kind == "lasso":
        tight = isolated_mask(level)
        if tight.mean() > MAX_LASSO_COVER:
            return
    elif recording.kind == "birds" and not recording.snr_db >= MIN_FOCAL_SNR_DB:
        return
    else:
        tight, doubtful = focal_mask(level)
        if not MIN_FOCAL_COVER < tight.mean() < MAX_FOCAL_COVER:
            return
        if recording.kind == "birds":
            sound_bank.focal_recordings.append(FocalRecording(to_int16(samples), tight, doubtful))
    painted = paint(tight)
    phrases = _phrases(np.any(painted, axis=1), len(samples))
    if phrases:
        sound_bank.isolated_birds.append(IsolatedBird(to_int16(gate(samples, painted)), phrases))


def _with_band(boxes: Iterable[Box]) -> tuple[Box, ...]:
    return tuple(box for box in boxes if not math.isnan(box.low_hz))


def _add_unlabelled(sound_bank: SoundBank, samples: Float32) -> None:
    if len(samples) > MIN_UNLABELLED_S * GRID.sample_rate_hz:
        sound_bank.unlabelled.append(to_int16(samples))


def _phrases(active: Bool, samples: int) -> list[tuple[int, int]]:
    joined = ndimage.binary_closing(np.pad(active, MERGE_FRAMES), np.ones(MERGE_FRAMES, bool))
    spans = ndimage.find_objects(ndimage.label(joined[MERGE_FRAMES:-MERGE_FRAMES])[0])
    return [
        (span.start * GRID.hop, min(span.stop * GRID.hop + GRID.n_fft, samples))
        for (span,) in spans
        if span.stop - span.start >= MIN_PHRASE_FRAMES
    ]
