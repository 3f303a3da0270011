"""Examples made on the fly: birds set into noise, with the mask that a careful person would paint.

Because every bird is mixed in by us, its mask follows from its own energy and that of all else: a bin is bird
where the bird lies within 35 dB of its peak and stands out of the noise. What is there but can hardly be seen,
and echo, is left out of the loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import soxr
from scipy import ndimage

from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.synthesis.calls import synthesize_call
from birdedge.edge.synthesis.weather import insects, rain, wind
from birdedge.train.data.acoustics import Bird, coloured, from_afar
from birdedge.train.data.labels import PEAK_RANGE_DB, Bool, Float32, Paint, paint, smooth_power
from birdedge.train.data.sound_bank import GRID, Bank, magnitude

RATE_HZ = GRID.sample_rate_hz
# An eye sees a spot that stands out, and a fainter texture that goes on: smoothed over frames and bins (sigma).
SPOT = (1.0, 0.6)
TEXTURE = (8.0, 1.2)


@dataclass(frozen=True)
class Mixing:
    """How examples are drawn; probabilities are 0..1, SNR is bird power over noise power inside its mask."""

    frames: int = 512
    snr_low_db: float = -10.0
    snr_high_db: float = 25.0
    level_low_db: float = -65.0  # rms of the mix, full scale = 0 dB
    level_high_db: float = -12.0
    empty: float = 0.25
    as_recorded: float = 0.25
    unlabelled: float = 0.0  # crops that nobody labelled, of which teachers alone tell
    synthetic_bird: float = 0.1
    synthetic_noise: float = 0.25
    reverb: float = 0.45
    distance: float = 0.5
    band_limit: float = 0.35
    pitch_octaves: float = 0.35
    visible_db: float = 2.0  # bird over noise, from which a spot is seen
    visible_texture_db: float = -5.0  # the same for a patch of many frames
    doubt_db: float = 5.0  # so far under what is seen it cannot be told
    gap_frames: int = 6
    gap_bins: int = 5
    margin_frames: int = 2
    margin_bins: int = 1

    @property
    def samples(self) -> int:
        """Samples whose frames are `frames`, none padded."""
        return (self.frames - 1) * GRID.hop + GRID.n_fft

    @property
    def style(self) -> Paint:
        """The painted convention of the targets."""
        return Paint(self.gap_frames, self.gap_bins, self.margin_frames, self.margin_bins)


@dataclass(frozen=True, eq=False)
class Example:
    """`samples [n]`, `target` and `weight` `[frames, bins]` (weight 0: not told, left out of the loss)."""

    samples: Float32
    target: Bool
    weight: Bool
    snr_db: float  # of the loudest bird; +inf as recorded, -inf with none, NaN where nobody labelled it

    def log_spectrogram(self) -> Float32:
        """Log magnitude `[frames, bins]`, as the recorder computes it."""
        return Spectrogram(GRID).push(self.samples)[: len(self.target)]

    def network_input(self) -> Float32:
        """Shape `[2, frames, bins]`, as the recorder computes it."""
        return NetworkInput().push(self.log_spectrogram())[0]


def make_example(bank: Bank, mixing: Mixing, rng: np.random.Generator) -> Example:
    """One example; the same `rng` state gives the same example."""
    n = mixing.samples
    wall_hz = _draw_wall(mixing, rng)
    # Without this share nothing is drawn for it, so that the mixes of a seed stay what they were.
    labelled = not (mixing.unlabelled and bank.unlabelled and rng.random() < mixing.unlabelled)
    if not labelled:
        samples = _crop(bank.unlabelled[rng.integers(len(bank.unlabelled))], n, rng)
        target, weight = (np.zeros((mixing.frames, GRID.bins), bool) for _ in range(2))
        snr_db = np.nan
    elif bank.focals and rng.random() < mixing.as_recorded:
        samples, target, weight = _as_recorded(bank, mixing, rng)
        snr_db = np.inf
    else:
        noise = _draw_noise(bank, mixing, rng)
        samples, target = noise.copy(), np.zeros((mixing.frames, GRID.bins), bool)
        weight = np.ones_like(target)
        snr_db = -np.inf
        if rng.random() >= mixing.empty:
            count = int(rng.choice([1, 2, 3, 4], p=[0.45, 0.3, 0.17, 0.08]))
            birds = [_draw_bird(bank, mixing, rng) for _ in range(count)]
            samples, target, weight, snr_db = _mix(noise, birds, mixing, rng)
    samples = coloured(samples, wall_hz, rng)
    if wall_hz is not None and labelled:
        wall_bin = int(wall_hz / GRID.bin_hz)
        weight[:, max(0, wall_bin - 4) :] |= True
        target[:, wall_bin:] = False
    rms = float(np.sqrt(np.mean(samples**2))) + 1e-9
    samples = samples * np.float32(10 ** (rng.uniform(mixing.level_low_db, mixing.level_high_db) / 20) / rms)
    samples = np.clip(samples, -1.0, 1.0).astype(np.float32)
    if rng.random() < 0.5:  # most recorders store 16 bits
        samples = np.round(samples * 32767.0).astype(np.float32) / np.float32(32767.0)
    return Example(samples[:n], target, weight, float(snr_db))


def _mix(
    noise: Float32, birds: list[Bird], mixing: Mixing, rng: np.random.Generator
) -> tuple[Float32, Bool, Bool, float]:
    noise_power = smooth_power(magnitude(noise)[: mixing.frames], 4.0, 3.0)
    heard = np.zeros_like(noise)
    seen = np.zeros((mixing.frames, GRID.bins), bool)
    faint = np.zeros_like(seen)
    best_snr_db = -np.inf
    for bird in birds:
        level = magnitude(bird.direct)[: mixing.frames]
        power = smooth_power(level, *SPOT)
        core = power > power.max() * _ratio(-PEAK_RANGE_DB)
        if power.max() <= 0 or core.sum() < 4:
            continue
        snr_db = rng.uniform(mixing.snr_low_db, mixing.snr_high_db)
        gain = _ratio(snr_db) * (noise_power[core].mean() + np.float32(1e-9)) / power[core].mean()
        spot = power * (gain * _ratio(-mixing.visible_db))
        texture = smooth_power(level, *TEXTURE) * (gain * _ratio(-mixing.visible_texture_db))
        contrast = np.maximum(spot, texture) / noise_power
        seen |= core & (contrast > 1.0)
        faint |= core & (contrast > _ratio(-mixing.doubt_db))
        heard += bird.heard * np.sqrt(gain)
        best_snr_db = max(best_snr_db, snr_db)
    target = _without_specks(paint(seen, mixing.style), seen)
    # Echoes that ring on after a call are neither bird nor background: no two people paint them alike.
    echo = smooth_power(magnitude(heard)[: mixing.frames], *SPOT)
    doubtful = faint | (echo > noise_power * _ratio(mixing.visible_texture_db))
    return noise + heard, target, target | ~paint(doubtful, mixing.style), best_snr_db


def _ratio(db: float) -> np.float32:
    return np.float32(10 ** (db / 10))


def _without_specks(shape: Bool, seen: Bool) -> Bool:
    """The parts of a painted shape with 16 or more seen bins: fewer that stick out of the noise nobody would paint."""
    parts, count = ndimage.label(shape)
    bins = ndimage.sum_labels(seen, parts, np.arange(count + 1))
    return np.asarray((bins >= 16)[parts] & shape)


def _draw_noise(bank: Bank, mixing: Mixing, rng: np.random.Generator) -> Float32:
    n = mixing.samples
    if rng.random() < mixing.synthetic_noise:
        noise = _draw_weather(n, rng)
    else:
        noise = _crop(bank.noises[rng.integers(len(bank.noises))], n, rng)
        if rng.random() < 0.3:
            other = _crop(bank.noises[rng.integers(len(bank.noises))], n, rng)
            noise = _unit(noise) + _unit(other) * np.float32(10 ** (rng.uniform(-15, 5) / 20))
    noise = _unit(noise)
    # No recorder is silent between sounds: hiss of its own, whiter or pinker.
    hiss = rng.standard_normal(n).astype(np.float32)
    if rng.random() < 0.5:
        hiss = np.cumsum(hiss - hiss.mean(), dtype=np.float64).astype(np.float32) * 0.02 + hiss * 0.3
    return noise + _unit(hiss) * np.float32(10 ** (rng.uniform(-45, -12) / 20))


def _draw_weather(n: int, rng: np.random.Generator) -> Float32:
    """Rain often, since its drops ring like the shortest calls; and hiss, since in a quiet forest that is all."""
    kinds = ["rain", "wind and rain", "wind", "insects", "all three", "hiss"]
    kind = str(rng.choice(kinds, p=[0.15, 0.15, 0.05, 0.15, 0.25, 0.25]))
    if kind == "hiss":
        return rng.standard_normal(n, np.float32)
    parts = {"wind": wind, "rain": rain, "insects": insects}
    noise = np.zeros(n, np.float32)
    for name, make in parts.items():
        if name in kind or kind == "all three":
            noise += _unit(make(rng, n)) * np.float32(10 ** (rng.uniform(-20, 0) / 20))
    return noise


def _draw_bird(bank: Bank, mixing: Mixing, rng: np.random.Generator) -> Bird:
    n = mixing.samples
    if rng.random() < mixing.synthetic_bird:
        piece = synthesize_call(rng).samples
    else:
        song = bank.songs[rng.integers(len(bank.songs))]
        start, stop = song.phrases[rng.integers(len(song.phrases))]
        stop = min(max(stop, start + int(rng.uniform(0.3, 4.0) * RATE_HZ)), start + n, len(song.samples))
        piece = song.samples[start:stop].astype(np.float32)
        octaves = rng.uniform(-mixing.pitch_octaves, mixing.pitch_octaves)
        if rng.random() < 0.6:
            piece = soxr.resample(piece, RATE_HZ * 2.0**octaves, RATE_HZ, quality="LQ")
    piece = piece[:n]
    bird = np.zeros(n, np.float32)
    at = int(rng.integers(-min(len(piece), n) // 4, n - min(len(piece), n) // 2))
    begin, end = max(0, at), min(n, at + len(piece))
    bird[begin:end] = piece[begin - at : end - at]
    return from_afar(bird, rng.random() < mixing.distance, rng.random() < mixing.reverb, rng)


def _as_recorded(bank: Bank, mixing: Mixing, rng: np.random.Generator) -> tuple[Float32, Bool, Bool]:
    focal = bank.focals[rng.integers(len(bank.focals))]
    first = int(rng.integers(max(1, len(focal.tight) - mixing.frames)))
    samples = focal.samples[first * GRID.hop :][: mixing.samples].astype(np.float32)
    tight, doubtful = (m[first : first + mixing.frames] for m in (focal.tight, focal.doubtful))
    short = mixing.frames - len(tight)
    if short > 0:
        tight, doubtful = (np.pad(m, ((0, short), (0, 0))) for m in (tight, doubtful))
        samples = np.pad(samples, (0, mixing.samples - len(samples)))
    samples = np.pad(samples, (0, mixing.samples - len(samples)))
    target = paint(tight, mixing.style)
    return samples, target, target | ~paint(doubtful, mixing.style)


def _draw_wall(mixing: Mixing, rng: np.random.Generator) -> float | None:
    """Where a low sample rate or a codec cuts the spectrum off, if it does."""
    if rng.random() >= mixing.band_limit:
        return None
    return float(rng.choice([8000.0, 11025.0, 12000.0, rng.uniform(6000.0, 15500.0)]))


def _crop(samples: np.ndarray, n: int, rng: np.random.Generator) -> Float32:
    if len(samples) < n:
        samples = np.tile(samples, -(-n // len(samples)))
    start = int(rng.integers(len(samples) - n + 1))
    return samples[start : start + n].astype(np.float32)


def _unit(samples: Float32) -> Float32:
    return samples / np.float32(np.sqrt(np.mean(samples**2)) + 1e-6)
