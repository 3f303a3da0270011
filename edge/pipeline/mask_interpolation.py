"""The mask at windows of audio whose sample rate differs from the grid's.

Windows are as long as the grid's in seconds: two hops, at half overlap. At another sample rate a hop is a rounded
number of samples, so window centres lie between mask frames, and FFT bins between mask bins. Values there are
interpolated linearly, first along time, then along frequency.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.grid import Grid

Float32 = NDArray[np.float32]
MARGIN_FRAMES = (
    7  # mask frames that `binary_mask_near` adds on each side, enough for a kernel of this many frames
)


def hop_samples(sample_rate_hz: int, grid: Grid) -> int:
    """Return the grid's hop in samples of another sample rate, rounded and at least 1."""
    return max(1, round(grid.hop * sample_rate_hz / grid.sample_rate_hz))


def centred_windows(samples: NDArray[Any], hop: int) -> NDArray[Any]:
    """Return windows `[windows, 2 * hop]`, the n-th centred on sample `n * hop`, until past the last sample."""
    last = -(-len(samples) // hop)
    padded = np.pad(samples, (hop, (last + 1) * hop - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop]


def frame_positions(
    windows: NDArray[np.int64], sample_rate_hz: int, grid: Grid, first_frame_s: float
) -> NDArray[np.float64]:
    """Return the centres of numbered windows, in frames after the first mask frame, with fractions.

    Args:
        windows: Numbers of windows; window 0 is centred on sample 0.
        sample_rate_hz: The sample rate of the audio.
        grid: The grid of the mask.
        first_frame_s: Centre of the first mask frame, in seconds after sample 0.
    """
    positions: NDArray[np.float64] = (
        windows * hop_samples(sample_rate_hz, grid) / sample_rate_hz - first_frame_s
    ) / grid.hop_s
    return positions


def binary_mask_near(
    mask: NDArray[np.uint8], positions: NDArray[np.float64], threshold: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return the thresholded mask around some positions, and the positions relative to its first frame.

    The part has `MARGIN_FRAMES` more frames on each side, if the mask has them.

    Args:
        mask: `[frames, bins]`.
        positions: Ascending, in frames after the first frame of `mask`.
        threshold: The probability from which a bin is set.
    """
    first = max(0, int(positions[0]) - MARGIN_FRAMES)
    last = max(0, int(positions[-1]) + MARGIN_FRAMES)
    return mask[first:last] >= round(255 * threshold), positions - first


def interpolate(plane: Float32, positions: NDArray[np.float64], sample_rate_hz: int, grid: Grid) -> Float32:
    """Return values of a plane at window centres and FFT bins, linearly interpolated; 0 outside the plane.

    Args:
        plane: Values on the grid, `[frames, bins]`.
        positions: Window centres, in frames after the first frame of `plane`.
        sample_rate_hz: The sample rate of the audio.
        grid: The grid of `plane`.

    Returns:
        `[positions, hop + 1]`: the bins of a window of two hops, DC included.
    """
    hop = hop_samples(sample_rate_hz, grid)
    hz = np.arange(hop + 1) * sample_rate_hz / (2 * hop)
    rows = _interpolate_rows(plane, positions)
    return np.ascontiguousarray(_interpolate_rows(rows.T, (hz - grid.low_hz) / grid.bin_hz).T)


def _interpolate_rows(rows: Float32, positions: NDArray[np.float64]) -> Float32:
    """Return rows at fractional positions; they are 0 beyond the outer half of the first and last row."""
    inside = (positions > -0.5) & (positions < len(rows) - 0.5)
    values = np.zeros((len(positions), rows.shape[1]), np.float32)
    if inside.any():
        exact = np.clip(positions[inside], 0, len(rows) - 1)
        low = exact.astype(np.int64)
        share = (exact - low).astype(np.float32)[:, np.newaxis]
        values[inside] = rows[low] * (1 - share) + rows[np.minimum(low + 1, len(rows) - 1)] * share
    return values
