"""Examples mixed on the fly: birds added to noise, with their mask, or crops of recordings.

The loss ignores bins of weight 0. Each cell of 4 frames and 4 bins also has a class of sound: that of the bird or of
the noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.train.data.acoustics import through_microphone
from birdedge.train.data.class_cells import (
    BIRD,
    CELL_BINS,
    CELL_FRAMES,
    Int8,
    classified,
    unknown_cells,
)
from birdedge.train.data.labels import Bool, Float32, paint
from birdedge.train.data.mixed_birds import draw_bird, mix_birds
from birdedge.train.data.mixed_noise import draw_noise
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.sound_bank import BoxedRecording, SoundBank, random_crop
from birdedge.train.data.stft import GRID, RATE_HZ


@dataclass(frozen=True, eq=False)
class Example:
    """Audio with its target. The loss ignores bins of weight 0.

    Shape: `samples [n]`, `target` and `weight` `[frames, bins]`, `sounds` `[frames / 4, bins / 4]`.
    """

    samples: Float32
    target: Bool
    weight: Bool
    sounds: Int8  # BIRD, another class, UNKNOWN or NOT_BIRD
    snr_db: float  # of the loudest bird; inf: as recorded, -inf: no bird, NaN: unlabelled
    visible: tuple[Bool, ...] = ()  # the visible bins of each mixed bird, `[frames, bins]`

    def log_spectrogram(self) -> Float32:
        """Return the log magnitude `[frames, bins]` as the recorder computes it."""
        return Spectrogram(GRID).push(self.samples)[: len(self.target)]


def make_example(sound_bank: SoundBank, mixing: Mixing, rng: np.random.Generator) -> Example:
    """Return one example; the same state of `rng` gives the same example."""
    n = mixing.samples
    visible: tuple[Bool, ...] = ()
    cutoff_hz = draw_cutoff_hz(mixing, rng)
    target, weight = (np.zeros((mixing.frames, GRID.bins), bool) for _ in range(2))
    sounds, noise_class = unknown_cells(mixing.frames), None
    # A share of 0 draws no number, so that the mixes of a seed do not depend on unlabelled recordings.
    labelled = not (mixing.unlabelled and sound_bank.unlabelled and rng.random() < mixing.unlabelled)
    if not labelled:
        samples = random_crop(sound_bank.unlabelled[rng.integers(len(sound_bank.unlabelled))], n, rng)
        snr_db = np.nan
    elif sound_bank.boxed_recordings and mixing.boxed and rng.random() < mixing.boxed:
        boxed = sound_bank.boxed_recordings[rng.integers(len(sound_bank.boxed_recordings))]
        samples, sounds = _draw_boxed(boxed, mixing, rng)
        labelled, snr_db = False, np.inf
    elif sound_bank.focal_recordings and rng.random() < mixing.as_recorded:
        samples, target, weight = _draw_focal(sound_bank, mixing, rng)
        # Its classes stay unknown: they would teach what kind of clip holds birds, not what a bird is.
        snr_db = np.inf
    else:
        noise, noise_class, noise_cutoff_hz = draw_noise(sound_bank, mixing, rng)
        # Birds get the limit of the noise, because a different one would give them away.
        if noise_cutoff_hz is not None:
            cutoff_hz = min(noise_cutoff_hz, cutoff_hz or noise_cutoff_hz)
        samples, weight = noise.copy(), np.ones_like(target)
        snr_db = -np.inf
        if rng.random() >= mixing.empty:
            count = int(rng.choice([1, 2, 3, 4], p=[0.45, 0.3, 0.17, 0.08]))
            birds = [draw_bird(sound_bank, mixing, rng) for _ in range(count)]
            samples, target, weight, visible, snr_db = mix_birds(noise, birds, mixing, rng)
    samples = through_microphone(samples, cutoff_hz, rng)
    if cutoff_hz is not None and labelled:
        cutoff_bin = int(cutoff_hz / GRID.bin_hz)
        weight[:, max(0, cutoff_bin - 4) :] |= True
        target[:, cutoff_bin:] = False
    if noise_class is not None:
        sounds = classified(target, weight, noise_class)
    rms = float(np.sqrt(np.mean(samples**2))) + 1e-9
    samples = samples * np.float32(10 ** (rng.uniform(mixing.level_low_db, mixing.level_high_db) / 20) / rms)
    samples = np.clip(samples, -1.0, 1.0).astype(np.float32)
    if rng.random() < 0.5:  # most recorders store 16 bits
        samples = np.round(samples * 32767.0).astype(np.float32) / np.float32(32767.0)
    return Example(samples[:n], target, weight, sounds, float(snr_db), visible)


def draw_cutoff_hz(mixing: Mixing, rng: np.random.Generator) -> float | None:
    """Return the highest frequency that a low sample rate or a codec preserves, or None for no limit."""
    if rng.random() >= mixing.band_limit:
        return None
    return float(rng.choice([8000.0, 11025.0, 12000.0, rng.uniform(6000.0, 15500.0)]))


def _draw_focal(
    sound_bank: SoundBank, mixing: Mixing, rng: np.random.Generator
) -> tuple[Float32, Bool, Bool]:
    """Return samples, target and weight of a crop of a focal recording, padded with silence."""
    focal = sound_bank.focal_recordings[rng.integers(len(sound_bank.focal_recordings))]
    first = int(rng.integers(max(1, len(focal.tight) - mixing.frames)))
    samples = focal.samples[first * GRID.hop :][: mixing.samples].astype(np.float32)
    tight, doubtful = (m[first : first + mixing.frames] for m in (focal.tight, focal.doubtful))
    missing = mixing.frames - len(tight)
    tight, doubtful = (np.pad(m, ((0, missing), (0, 0))) for m in (tight, doubtful))
    samples = np.pad(samples, (0, mixing.samples - len(samples)))
    target = paint(tight, mixing.style)
    return samples, target, target | ~paint(doubtful, mixing.style)


def _draw_boxed(boxed: BoxedRecording, mixing: Mixing, rng: np.random.Generator) -> tuple[Float32, Int8]:
    """Return samples and classes of a crop around a random box, padded with silence; the other classes are unknown."""
    samples, sounds = np.zeros(mixing.samples, np.float32), unknown_cells(mixing.frames)
    box = boxed.boxes[rng.integers(len(boxed.boxes))]
    length_s = mixing.samples / RATE_HZ
    # The box lies inside the crop, or the crop inside a longer box.
    first_s, last_s = sorted((box.offset_s - length_s, box.onset_s))
    start_s = max(0.0, rng.uniform(first_s, last_s))
    crop = boxed.samples[int(start_s * RATE_HZ) :][: mixing.samples]
    samples[: len(crop)] = crop
    cell_s, cell_hz = CELL_FRAMES * GRID.hop_s, CELL_BINS * GRID.bin_hz
    for one in boxed.boxes:
        rows = slice(*(max(0, round((t - start_s) / cell_s)) for t in (one.onset_s, one.offset_s)))
        columns = slice(int(one.low_hz / cell_hz), int(one.high_hz / cell_hz) + 1)
        sounds[rows, columns] = BIRD
    return samples, sounds
