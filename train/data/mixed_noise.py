"""Noise to which birds are added: recorded or synthetic, with the hiss of a recorder."""

from __future__ import annotations

import numpy as np
import soxr

from birdedge.edge.sound_classes import SOUND_CLASSES
from birdedge.edge.synthesis.weather import insects, rain, wind
from birdedge.train.data.class_cells import NOT_BIRD
from birdedge.train.data.labels import Float32
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.sound_bank import Noise, SoundBank, random_crop
from birdedge.train.data.stft import RATE_HZ


def draw_noise(
    sound_bank: SoundBank, mixing: Mixing, rng: np.random.Generator
) -> tuple[Float32, int, float | None]:
    """Return `mixing.samples` of recorded or synthetic noise with the hiss of a recorder, at an rms near 1.

    Returns:
        The noise, the class of its sounds, and the highest frequency that its sample rate allows, or None for no limit.
    """
    n, cutoff_hz = mixing.samples, None
    if rng.random() < mixing.synthetic_noise:
        noise, name = _draw_weather(n, rng)
    else:
        recorded = _draw_recorded(sound_bank, rng)
        name = recorded.sound_class
        noise, cutoff_hz = _pitched(recorded, n, mixing.noise_pitch_octaves, rng)
        if rng.random() < 0.3:
            other = _draw_recorded(sound_bank, rng)
            added = _unit(random_crop(other.samples, n, rng)) * np.float32(10 ** (rng.uniform(-15, 5) / 20))
            noise = _unit(noise) + added
            name = name if other.sound_class == name else None
    noise = _unit(noise)
    # A recorder is never silent: it adds white or pinkish hiss of its own.
    hiss = rng.standard_normal(n).astype(np.float32)
    if rng.random() < 0.5:
        hiss = np.cumsum(hiss - hiss.mean(), dtype=np.float64).astype(np.float32) * 0.02 + hiss * 0.3
    noise = noise + _unit(hiss) * np.float32(10 ** (rng.uniform(-45, -12) / 20))
    return noise, NOT_BIRD if name is None else SOUND_CLASSES.index(name), cutoff_hz


def _draw_recorded(sound_bank: SoundBank, rng: np.random.Generator) -> Noise:
    """Return a noise of a random kind: a kind with four times the recordings is drawn twice as often."""
    kinds = list(sound_bank.noises.values())
    share = np.sqrt([len(kind) for kind in kinds])
    kind = kinds[rng.choice(len(kinds), p=share / share.sum())]
    return kind[rng.integers(len(kind))]


def _pitched(
    recorded: Noise, n: int, octaves: float, rng: np.random.Generator
) -> tuple[Float32, float | None]:
    """Return `n` samples of a noise at a pitch up to `octaves` higher or lower, and the highest frequency in them."""
    if not octaves or rng.random() < 0.4:
        return random_crop(recorded.samples, n, rng), recorded.cutoff_hz
    ratio = 2.0 ** rng.uniform(-octaves, octaves)
    crop = random_crop(recorded.samples, int(n * ratio) + RATE_HZ // 10, rng)
    cutoff_hz = ratio * (recorded.cutoff_hz or RATE_HZ / 2)
    samples: Float32 = soxr.resample(crop, RATE_HZ * ratio, RATE_HZ, quality="LQ")[:n]
    return samples, cutoff_hz if cutoff_hz < RATE_HZ / 2 else None


def _draw_weather(n: int, rng: np.random.Generator) -> tuple[Float32, str | None]:
    """Return rain, wind, insects, a mixture of them, or hiss, and their class, or None if they have several classes.

    Rain is frequent because its drops resemble the shortest calls, and hiss because a quiet forest has nothing else.
    """
    kinds = ["rain", "wind and rain", "wind", "insects", "all three", "hiss"]
    kind = str(rng.choice(kinds, p=[0.15, 0.15, 0.05, 0.15, 0.25, 0.25]))
    if kind == "hiss":
        return rng.standard_normal(n, np.float32), "weather"
    parts = {"wind": wind, "rain": rain, "insects": insects}
    noise = np.zeros(n, np.float32)
    for name, make in parts.items():
        if name in kind or kind == "all three":
            noise += _unit(make(rng, n)) * np.float32(10 ** (rng.uniform(-20, 0) / 20))
    return noise, {"insects": "insect", "all three": None}.get(kind, "weather")


def _unit(samples: Float32) -> Float32:
    return samples / np.float32(np.sqrt(np.mean(samples**2)) + 1e-6)
