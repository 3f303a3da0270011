"""The effects of distance, reverberation, microphone and codec on a sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from birdedge.train.data.labels import Float32
from birdedge.train.data.stft import RATE_HZ


@dataclass(frozen=True, eq=False)
class Bird:
    """A bird at the microphone: the direct sound, and the sound with all echoes. Shape: both `[samples]`."""

    direct: Float32
    heard: Float32


def from_afar(bird: Float32, far: bool, echoing: bool, rng: np.random.Generator) -> Bird:
    """Return `bird [samples]` at a distance, with treble absorbed by the air (`far`) and reverberation (`echoing`)."""
    if not (far or echoing):
        return Bird(bird, bird)
    n, tail = len(bird), RATE_HZ // 2
    size = scipy.fft.next_fast_len(n + tail, real=True)
    spectrum = scipy.fft.rfft(bird, size)
    if far:
        khz = np.arange(len(spectrum), dtype=np.float32) * (RATE_HZ / size / 1000.0)
        spectrum *= 10 ** (-rng.uniform(0.0, 3.0) * khz / 20)
    direct: Float32 = scipy.fft.irfft(spectrum, size)[:n].astype(np.float32, copy=False) if far else bird
    if not echoing:
        return Bird(direct, direct)
    seconds = np.arange(tail) / RATE_HZ
    decay = 10 ** (-3.0 * seconds / rng.uniform(0.15, 1.2))
    impulse = (rng.standard_normal(tail) * decay).astype(np.float32)
    impulse *= np.float32(10 ** (rng.uniform(-18, 0) / 20) / np.sqrt(np.sum(impulse**2)))
    impulse[0] += 1.0
    heard = scipy.fft.irfft(spectrum * scipy.fft.rfft(impulse, size), size)[:n]
    return Bird(direct, heard.astype(np.float32, copy=False))


def through_microphone(samples: Float32, cutoff_hz: float | None, rng: np.random.Generator) -> Float32:
    """Return samples filtered by a random microphone response, and low-passed at `cutoff_hz` unless it is None.

    The cutoff stands for a low sample rate or a codec.
    """
    size = scipy.fft.next_fast_len(len(samples), real=True)
    spectrum = scipy.fft.rfft(samples, size)
    hz = np.arange(len(spectrum), dtype=np.float32) * (RATE_HZ / size)
    knots_db = rng.normal(0.0, 4.0, 9).astype(np.float32)
    response_db = np.interp(hz, np.linspace(0, RATE_HZ / 2, 9), knots_db)
    if rng.random() < 0.3:  # high-pass against wind
        high_pass_hz = rng.uniform(60.0, 500.0)
        response_db += -10.0 * np.log10(1.0 + (high_pass_hz / np.maximum(hz, 1.0)) ** 4)
    response = 10 ** (response_db / 20)
    if cutoff_hz is not None:
        response *= 1.0 / (1.0 + np.exp(np.clip((hz - 0.98 * cutoff_hz) / (0.008 * cutoff_hz), -50, 50)))
    out: Float32 = scipy.fft.irfft(spectrum * response.astype(np.float32), size)[: len(samples)]
    return out.astype(np.float32)
