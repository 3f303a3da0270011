"""Measurements of test signals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 32000


def share_of_energy(samples: NDArray[Any], low_hz: float, high_hz: float) -> float:
    """Return the share of the energy of samples at 32 kHz that is in a frequency band."""
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    return float(power[(low_hz <= frequency_hz) & (frequency_hz <= high_hz)].sum() / power.sum())
