"""Short-time Fourier transform of whole recordings on the recorder's grid.

Labels are made from it. The recorder's own spectrogram gives the same values but takes three times as long.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from scipy import ndimage

from birdedge.edge.grid import Grid
from birdedge.train.data.labels import Bool, Float32

GRID = Grid()
RATE_HZ = GRID.sample_rate_hz
HANN = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(GRID.n_fft) / GRID.n_fft)).astype(np.float32)


def magnitude(samples: Float32) -> Float32:
    """Return |STFT| of `samples [n]`, the last frame padded with zeros.

    Shape: `[frames, bins]`.
    """
    frames = -(-max(0, len(samples) - GRID.n_fft) // GRID.hop) + 1
    level: Float32 = np.abs(scipy.fft.rfft(_windows(samples, frames), axis=1)[:, 1 : GRID.bins + 1])
    return level


def gate(samples: Float32, mask: Bool) -> Float32:
    """Return the part of `samples` inside `mask [frames, bins]`, by inverse STFT with softened edges."""
    frames, hop = len(mask), GRID.hop
    spectrum = np.fft.rfft(_windows(samples, frames), axis=1)
    soft = ndimage.gaussian_filter(mask.astype(np.float32), 1.0)
    spectrum[:, 1 : GRID.bins + 1] *= soft
    spectrum[:, 0] = 0
    pieces = np.fft.irfft(spectrum, axis=1)
    # Hann windows at half overlap add up to one.
    out = np.zeros((frames + 1) * hop)
    out[: frames * hop] += pieces[:, :hop].ravel()
    out[hop:] += pieces[:, hop:].ravel()
    return out[: len(samples)].astype(np.float32)


def _windows(samples: Float32, frames: int) -> Float32:
    """Return the first `frames` windows of the grid, `[frames, n_fft]`, the last padded with zeros."""
    padded = np.pad(samples, (0, max(0, (frames - 1) * GRID.hop + GRID.n_fft - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, GRID.n_fft)[:: GRID.hop][:frames]
    windowed: Float32 = windows * HANN
    return windowed
