"""Examples made on the fly: birds set into noise, with the mask that a careful person would paint.

Because every bird is mixed in by us, its mask follows from its own energy and that of all else: a bin is bird
where the bird lies within 35 dB of its peak and is not drowned. What is there but drowned is left out of the
loss.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import soxr
from scipy import ndimage

from birdedge.edge.noise_floor import NetworkInput
from birdedge.edge.spectrogram import Spectrogram
from birdedge.edge.synth_calls import synthesize_call
from birdedge.edge.synth_weather import insects, rain, wind
from birdedge.train.bank import GRID, Bank, magnitude
from birdedge.train.masks import PEAK_RANGE_DB, Bool, Float32, Paint, paint, smooth_power

RATE_HZ = GRID.sample_rate_hz


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
    synthetic_bird: float = 0.1
    synthetic_noise: float = 0.25
    reverb: float = 0.45
    distance: float = 0.5
    band_limit: float = 0.35
    pitch_octaves: float = 0.35
    visible_db: float = -6.0  # a bin this far under the noise is no longer seen
    gap_frames: int = 6
    gap_bins: int = 5
    margin_frames: int = 2
    margin_bins: int = 3

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
    snr_db: float  # of the loudest bird; +inf as recorded, -inf with none

    def network_input(self) -> Float32:
        """Shape `[2, frames, bins]`, as the recorder computes it."""
        return NetworkInput().push(Spectrogram(GRID).push(self.samples)[: len(self.target)])[0]


def make_example(bank: Bank, mixing: Mixing, rng: np.random.Generator) -> Example:
    """One example; the same `rng` state gives the same example."""
    n = mixing.samples
    wall_hz = _draw_wall(mixing, rng)
    if bank.focals and rng.random() < mixing.as_recorded:
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
    samples = _colour(samples, wall_hz, rng)
    if wall_hz is not None:
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
    noise: Float32, birds: list[Float32], mixing: Mixing, rng: np.random.Generator
) -> tuple[Float32, Bool, Bool, float]:
    noise_power = smooth_power(magnitude(noise)[: mixing.frames], 4.0, 3.0)
    total = noise.copy()
    target = np.zeros((mixing.frames, GRID.bins), bool)
    hidden = np.zeros_like(target)
    best_snr_db = -np.inf
    for bird in birds:
        power = smooth_power(magnitude(bird)[: mixing.frames], 0.6, 0.6)
        core = power > power.max() * 10 ** (-PEAK_RANGE_DB / 10)
        if power.max() <= 0 or core.sum() < 4:
            continue
        snr_db = rng.uniform(mixing.snr_low_db, mixing.snr_high_db)
        gain = 10 ** (snr_db / 10) * (noise_power[core].mean() + 1e-9) / power[core].mean()
        seen = core & (power * gain > noise_power * 10 ** (mixing.visible_db / 10))
        total += bird * np.float32(np.sqrt(gain))
        target |= _without_specks(paint(seen, mixing.style), seen)
        faint = core & (power * gain > noise_power * 10 ** ((mixing.visible_db - 8.0) / 10))
        hidden |= paint(faint, mixing.style)
        best_snr_db = max(best_snr_db, snr_db)
    return total, target, target | ~hidden, best_snr_db


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
    """Rain most of all: its drops ring like the shortest calls."""
    kind = rng.choice(["rain", "wind and rain", "wind", "insects", "white"], p=[0.35, 0.25, 0.15, 0.15, 0.1])
    if kind == "white":
        return rng.standard_normal(n, np.float32)
    if kind == "wind and rain":
        return np.asarray(wind(rng, n) + rain(rng, n) * np.float32(rng.uniform(0.1, 1.0)))
    return {"rain": rain, "wind": wind, "insects": insects}[kind](rng, n)


def _draw_bird(bank: Bank, mixing: Mixing, rng: np.random.Generator) -> Float32:
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
    return _from_afar(bird, mixing, rng)


def _from_afar(bird: Float32, mixing: Mixing, rng: np.random.Generator) -> Float32:
    """What distance does: treble lost to the air, and the forest's reverberation."""
    far, echoing = rng.random() < mixing.distance, rng.random() < mixing.reverb
    if not (far or echoing):
        return bird
    n, tail = len(bird), RATE_HZ // 2
    size = scipy.fft.next_fast_len(n + tail, real=True)
    spectrum = scipy.fft.rfft(bird, size)
    if far:
        khz = np.arange(len(spectrum), dtype=np.float32) * (RATE_HZ / size / 1000.0)
        spectrum *= 10 ** (-rng.uniform(0.0, 3.0) * khz / 20)
    if echoing:
        seconds = np.arange(tail) / RATE_HZ
        decay = 10 ** (-3.0 * seconds / rng.uniform(0.15, 1.2))
        impulse = (rng.standard_normal(tail) * decay).astype(np.float32)
        impulse *= np.float32(10 ** (rng.uniform(-18, 0) / 20) / np.sqrt(np.sum(impulse**2)))
        impulse[0] += 1.0
        spectrum *= scipy.fft.rfft(impulse, size)
    heard: Float32 = scipy.fft.irfft(spectrum, size)[:n].astype(np.float32, copy=False)
    return heard


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


def _colour(samples: Float32, wall_hz: float | None, rng: np.random.Generator) -> Float32:
    """A microphone's own frequency response, and the wall of its sample rate or codec."""
    size = scipy.fft.next_fast_len(len(samples), real=True)
    spectrum = scipy.fft.rfft(samples, size)
    hz = np.arange(len(spectrum), dtype=np.float32) * (RATE_HZ / size)
    knots_db = rng.normal(0.0, 4.0, 9).astype(np.float32)
    response_db = np.interp(hz, np.linspace(0, RATE_HZ / 2, 9), knots_db)
    if rng.random() < 0.3:  # high-pass against wind
        cut_hz = rng.uniform(60.0, 500.0)
        response_db += -10.0 * np.log10(1.0 + (cut_hz / np.maximum(hz, 1.0)) ** 4)
    response = 10 ** (response_db / 20)
    if wall_hz is not None:
        response *= 1.0 / (1.0 + np.exp(np.clip((hz - 0.98 * wall_hz) / (0.008 * wall_hz), -50, 50)))
    coloured: Float32 = scipy.fft.irfft(spectrum * response.astype(np.float32), size)[: len(samples)]
    return coloured.astype(np.float32)


def _crop(samples: np.ndarray, n: int, rng: np.random.Generator) -> Float32:
    if len(samples) < n:
        samples = np.tile(samples, -(-n // len(samples)))
    start = int(rng.integers(len(samples) - n + 1))
    return samples[start : start + n].astype(np.float32)


def _unit(samples: Float32) -> Float32:
    return samples / np.float32(np.sqrt(np.mean(samples**2)) + 1e-6)
