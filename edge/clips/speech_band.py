"""Removal of the speech band from a clip.

The band ends at 6100 Hz, the upper limit of the articulation index (ANSI S3.5-1969; Kryter 1962,
doi:10.1121/1.1909094): frequencies above it do not help to understand words. The filter is a windowed sinc
(Blackman, 74 dB), applied to the whole clip, so that words between two detected ones are removed too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_HZ = 6100.0
TRANSITION_HZ = 400.0
CHUNK_SAMPLES = 1 << 16


def without_speech_band(samples: NDArray[np.int16], sample_rate_hz: int) -> NDArray[np.int16]:
    """Return samples `[samples, channels]` without the frequencies below 6100 Hz, at the same times."""
    half = round(5.5 * sample_rate_hz / TRANSITION_HZ) // 2
    times = np.arange(-half, half + 1)
    cutoff = (MAX_HZ + TRANSITION_HZ / 2) / sample_rate_hz
    low = 2 * cutoff * np.sinc(2 * cutoff * times) * np.blackman(len(times)) if cutoff < 0.5 else times == 0
    high = (times == 0) - low / np.sum(low)
    size = CHUNK_SAMPLES + len(times) - 1
    response = np.fft.rfft(high, size)
    padded = np.pad(samples, ((half, half), (0, 0)))
    out = np.zeros_like(samples)
    for at in range(0, len(samples), CHUNK_SAMPLES):
        for channel in range(samples.shape[1]):
            spectrum = np.fft.rfft(padded[at : at + size, channel], size)
            piece = np.fft.irfft(spectrum * response, size)[2 * half :][: len(samples) - at]
            out[at : at + len(piece), channel] = np.rint(piece).clip(-32768, 32767)
    return out
