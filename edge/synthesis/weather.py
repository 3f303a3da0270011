"""Synthetic background noise: wind, rain, insects and microphone hiss, drawn from a random generator."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.synthesis.calls import MIN_SAMPLE_RATE_HZ, Float64, tone, wander

Float32 = NDArray[np.float32]


def wind(rng: np.random.Generator, n: int, sample_rate_hz: int = MIN_SAMPLE_RATE_HZ) -> Float32:
    """Return gusts with a power spectrum of 1/f^2, mostly below 800 Hz, and rustling leaves; `[n]`, rms 1."""
    gust = np.exp(0.6 * wander(rng, n, 0.5, sample_rate_hz) + 0.2 * wander(rng, n, 4, sample_rate_hz))
    rumble = _noise(rng, n, sample_rate_hz, lambda f: f / (f**2 + 40**2))
    leaves = _noise(rng, n, sample_rate_hz, lambda f: (f > 300) / (1 + (f / 2500) ** 2))
    return _unit_rms(gust * rumble + 0.03 * gust**2 * leaves).astype(np.float32)


def rain(rng: np.random.Generator, n: int, sample_rate_hz: int = MIN_SAMPLE_RATE_HZ) -> Float32:
    """Return slowly varying hiss and about 25 nearby drops per second; `[n]`, rms 1."""
    hiss = _noise(rng, n, sample_rate_hz, lambda f: (f + 500) ** 0.3 / (1 + (f / 11000) ** 4))
    shower = np.exp(0.3 * wander(rng, n, 0.2, sample_rate_hz)) * hiss
    for _ in range(rng.poisson(25 * n / sample_rate_hz)):
        drop = _drop(rng, sample_rate_hz)
        after = shower[rng.integers(n) :]
        after[: len(drop)] += drop[: len(after)]
    return _unit_rms(shower).astype(np.float32)


def insects(rng: np.random.Generator, n: int, sample_rate_hz: int = MIN_SAMPLE_RATE_HZ) -> Float32:
    """Return one to three crickets or katydids: continuous narrow bands from 3 to 12 kHz; `[n]`, rms 1."""
    chorus = np.zeros(n)
    for _ in range(rng.integers(1, 4)):
        voice = _cricket if rng.random() < 0.6 else _katydid
        loudness = rng.uniform(0.3, 1) * np.exp(0.15 * wander(rng, n, 0.3, sample_rate_hz))
        chorus += loudness * voice(rng, n, sample_rate_hz)
    return _unit_rms(chorus).astype(np.float32)


def _cricket(rng: np.random.Generator, n: int, rate: int) -> Float64:
    """Return a tone with regular pulses."""
    carrier_hz = rng.uniform(3000, 8000) * (1 + 0.002 * wander(rng, n, 2, rate))
    pulse = tone(np.full(n, rng.uniform(15, 60)), rate)
    return tone(carrier_hz, rate) * (0.2 + np.maximum(pulse, 0))


def _katydid(rng: np.random.Generator, n: int, rate: int) -> Float64:
    """Return a narrow band of noise."""
    centre_hz, width_hz = rng.uniform(6000, 11000), rng.uniform(150, 400)
    return _unit_rms(_noise(rng, n, rate, lambda f: np.exp(-(((f - centre_hz) / width_hz) ** 2))))


def _drop(rng: np.random.Generator, rate: int) -> Float64:
    """Return a click on a leaf, or with a probability of 1/4 the ringing bubble of a drop in water."""
    loudness = rng.lognormal(1.0, 0.7)
    time_s = np.arange(rate // 50) / rate
    if rng.random() < 0.25:
        ring = np.sin(2 * np.pi * rng.uniform(900, 5000) * time_s)
        return loudness * ring * np.exp(-time_s / rng.uniform(0.001, 0.003))
    return loudness * rng.standard_normal(len(time_s)) * np.exp(-time_s / rng.uniform(0.0001, 0.0006))


def hiss(rng: np.random.Generator, n: int, _rate: int) -> Float32:
    """Return the white noise of a microphone; `[n]`, rms about 1."""
    return rng.standard_normal(n).astype(np.float32)


def _noise(rng: np.random.Generator, n: int, rate: int, gain: Callable[[Float64], Float64]) -> Float64:
    """Return Gaussian noise with an amplitude spectrum of `gain(frequency in Hz)`; `[n]`, rms about 1."""
    size = 1 << max(n, 512).bit_length()
    shape = gain(np.arange(size // 2 + 1, dtype=np.float64) * rate / size)
    spectrum = np.fft.rfft(rng.standard_normal(size)) * shape / math.sqrt(np.mean(shape**2))
    noise: Float64 = np.fft.irfft(spectrum, size)[:n]
    return noise


def _unit_rms(x: Float64) -> Float64:
    return x / math.sqrt(np.mean(x**2)) if len(x) else x
