"""Birds drawn from a sound bank and added to noise, with the mask that a careful person would paint.

Since each bird is added to known noise, its mask follows from the energies of both: a bin is bird where the bird lies
within 35 dB of its peak and stands out from the noise. Barely visible parts and echoes are left out.
"""

from __future__ import annotations

import numpy as np
import soxr
from scipy import ndimage

from birdedge.edge.synthesis.calls import synthesize_call
from birdedge.train.data.acoustics import Bird, from_afar
from birdedge.train.data.labels import PEAK_RANGE_DB, Bool, Float32, Paint, paint, smooth_power
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.sound_bank import SoundBank
from birdedge.train.data.stft import GRID, RATE_HZ, magnitude

# The eye sees a spot that stands out, and a fainter texture that continues: Gaussian sigma in frames and bins.
SPOT = (1.0, 0.6)
TEXTURE = (8.0, 1.2)
DEEP_OCTAVES = (-1.6, -0.6)
MIN_VISIBLE_BINS = 16  # in noise, smaller patches are not painted


def draw_bird(sound_bank: SoundBank, mixing: Mixing, rng: np.random.Generator) -> Bird:
    """Return a phrase of an isolated bird or a synthetic call, pitch-shifted and placed in time and at a distance."""
    n = mixing.samples
    if rng.random() < mixing.synthetic_bird:
        phrase = synthesize_call(rng).samples
    else:
        isolated = sound_bank.isolated_birds[rng.integers(len(sound_bank.isolated_birds))]
        start, stop = isolated.phrases[rng.integers(len(isolated.phrases))]
        stop = min(max(stop, start + int(rng.uniform(0.3, 4.0) * RATE_HZ)), start + n, len(isolated.samples))
        phrase = isolated.samples[start:stop].astype(np.float32)
        octaves = rng.uniform(-mixing.pitch_octaves, mixing.pitch_octaves)
        deep = mixing.deep > 0 and rng.random() < mixing.deep
        if deep:
            octaves = rng.uniform(*DEEP_OCTAVES)
        if deep or rng.random() < 0.6:
            phrase = soxr.resample(phrase, RATE_HZ * 2.0**octaves, RATE_HZ, quality="LQ")
    phrase = phrase[:n]
    bird = np.zeros(n, np.float32)
    for _ in range(rng.integers(1, mixing.renditions + 1) if mixing.renditions > 1 else 1):
        at = int(rng.integers(-min(len(phrase), n) // 4, n - min(len(phrase), n) // 2))
        first, stop = max(0, at), min(n, at + len(phrase))
        bird[first:stop] = phrase[first - at : stop - at]
    return from_afar(bird, rng.random() < mixing.distance, rng.random() < mixing.reverb, rng)


def mix_birds(
    noise: Float32, birds: list[Bird], mixing: Mixing, rng: np.random.Generator
) -> tuple[Float32, Bool, Bool, tuple[Bool, ...], float]:
    """Return the mix of noise and birds at random SNRs, its target and weight, and the highest SNR in dB.

    The fourth value holds the visible bins of each bird.
    """
    noise_power = smooth_power(magnitude(noise)[: mixing.frames], 4.0, 3.0)
    heard = np.zeros_like(noise)
    visible = np.zeros((mixing.frames, GRID.bins), bool)
    faint = np.zeros_like(visible)
    each: list[Bool] = []
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
        seen = core & (contrast > 1.0)
        each.append(seen)
        visible |= seen
        faint |= core & (contrast > _ratio(-mixing.doubt_db))
        heard += bird.heard * np.sqrt(gain)
        best_snr_db = max(best_snr_db, snr_db)
    target = painted(visible, mixing.style)
    # The echo after a call is neither bird nor background: no two people paint it alike.
    echo = smooth_power(magnitude(heard)[: mixing.frames], *SPOT)
    doubtful = faint | (echo > noise_power * _ratio(mixing.visible_texture_db))
    return noise + heard, target, target | ~paint(doubtful, mixing.style), tuple(each), best_snr_db


def painted(visible: Bool, style: Paint) -> Bool:
    """Return closed shapes around the visible bins, except shapes around fewer than MIN_VISIBLE_BINS."""
    shapes = paint(visible, style)
    patches, count = ndimage.label(shapes)
    bins = ndimage.sum_labels(visible, patches, np.arange(count + 1))
    return np.asarray((bins >= MIN_VISIBLE_BINS)[patches] & shapes)


def _ratio(db: float) -> np.float32:
    return np.float32(10 ** (db / 10))
