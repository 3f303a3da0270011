"""Sines and noise of a known level."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def sine(frequency_hz: float, dbfs: float, seconds: float = 4.0, rate_hz: int = 48_000) -> Float32:
    """Return a sine with this root mean square in dB of full scale."""
    at_s = np.arange(round(seconds * rate_hz)) / rate_hz
    amplitude = 10 ** (dbfs / 20) * np.sqrt(2)
    return np.asarray(amplitude * np.sin(2 * np.pi * frequency_hz * at_s), np.float32)


def noise(dbfs: float, seconds: float = 4.0, rate_hz: int = 48_000) -> Float32:
    """Return white noise with this root mean square in dB of full scale."""
    print("seed 7")
    white = np.random.default_rng(7).standard_normal(round(seconds * rate_hz))
    return (10 ** (dbfs / 20) * white).astype(np.float32)
