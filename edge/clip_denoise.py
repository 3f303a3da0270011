"""The bird alone: a clip's own short-time spectrum, let through where its mask is set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.spectrogram import Grid

Float32 = NDArray[np.float32]
CHUNK_FRAMES = 512  # what is worked on at once: an hour needs no more memory than four seconds
SPREAD = np.exp(-0.5 * np.arange(-3, 4) ** 2)  # Gaussian of one frame and one bin: a hard edge would ring
SPREAD = (SPREAD / SPREAD.sum()).astype(np.float32)


def denoise(
    samples: NDArray[np.float32] | NDArray[np.int16],
    sample_rate_hz: int,
    mask: NDArray[np.uint8],
    grid: Grid,
    first_frame_s: float | None = None,
    threshold: float = 0.5,
) -> Float32:
    """The part of the sound inside the mask, by inverse STFT with softened edges.

    The sound keeps its rate and its channels. Windows are as long as the grid's (two hops, Hann, at half overlap); the
    mask is read at each window's centre and each bin's frequency, linearly between its own frames and bins. Beyond the
    mask's frequencies and times nothing passes.

    Args:
        samples: `[samples, channels]`.
        sample_rate_hz: rate of the samples, which may be another than the grid's.
        mask: 255 x probability, `[frames, bins]`.
        grid: where the mask's frames and bins lie.
        first_frame_s: centre of the mask's first frame, in seconds after the first sample; None for the grid's own.
        threshold: probability from which a bin is bird.

    Returns:
        `[samples, channels]`, at the scale of `samples`.
    """
    hop = clip_hop(sample_rate_hz, grid)
    start_s = grid.first_frame_s if first_frame_s is None else first_frame_s
    hann = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)).astype(np.float32)
    out = np.zeros_like(samples, np.float32)
    for channel in range(samples.shape[1]):
        frames = windows(samples[:, channel], hop)
        tail = np.zeros(hop, np.float32)  # of the window before: Hann windows at half overlap add up to one
        for at in range(0, len(frames), CHUNK_FRAMES):
            chunk = frames[at : at + CHUNK_FRAMES]
            spectrum = np.fft.rfft(chunk * hann, axis=1)
            times_s = np.arange(at, at + len(chunk)) * hop / sample_rate_hz - start_s
            shape, since_s = set_near(mask, times_s, grid, threshold)
            spectrum *= at_frames_and_bins(_softened(shape), since_s, sample_rate_hz, grid)
            pieces = np.fft.irfft(spectrum, axis=1).astype(np.float32)
            sums = pieces[:, :hop] + np.concatenate([tail[np.newaxis], pieces[:-1, hop:]])
            tail = pieces[-1, hop:]
            # The first hop is the silence before the clip.
            sound = sums.ravel()[hop if at == 0 else 0 :]
            begin = max(0, (at - 1) * hop)
            out[begin : begin + len(sound), channel] = sound[: len(samples) - begin]
    return out


def clip_hop(sample_rate_hz: int, grid: Grid) -> int:
    """The grid's hop in samples of another rate, the nearest there is."""
    return max(1, round(grid.hop * sample_rate_hz / grid.sample_rate_hz))


def windows(samples: NDArray[Any], hop: int) -> NDArray[Any]:
    """Windows of two hops `[windows, 2 * hop]`, the n-th centred on sample n * hop, until past the last sample."""
    last = -(-len(samples) // hop)
    padded = np.pad(samples, (hop, (last + 1) * hop - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop]


def set_near(
    mask: NDArray[np.uint8], times_s: NDArray[np.float64], grid: Grid, threshold: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The part of a mask about some times, so wide that its edges do not matter, and the times counted from there.

    Args:
        mask: `[frames, bins]`.
        times_s: in order, seconds after the mask's first frame.
        grid: where frames and bins lie.
        threshold: probability from which a bin is set.

    Returns:
        `[frames, bins]`, and the times in seconds after its first frame.
    """
    first = max(0, int(times_s[0] / grid.hop_s) - len(SPREAD))
    last = max(0, int(times_s[-1] / grid.hop_s) + len(SPREAD))
    return mask[first:last] >= round(255 * threshold), times_s - first * grid.hop_s


def at_frames_and_bins(
    plane: Float32, times_s: NDArray[np.float64], sample_rate_hz: int, grid: Grid
) -> Float32:
    """Values of `plane [frames, bins]` at other times and at the bins of a window at another rate; 0 outside.

    Args:
        plane: on the grid.
        times_s: seconds after the plane's first frame.
        sample_rate_hz: of the sound whose windows are `2 * clip_hop` samples long.

    Returns:
        `[times, bins of the window, DC included]`.
    """
    hop = clip_hop(sample_rate_hz, grid)
    hz = np.arange(hop + 1) * sample_rate_hz / (2 * hop)
    rows = _between(plane, times_s / grid.hop_s)
    return np.ascontiguousarray(_between(rows.T, (hz - grid.low_hz) / grid.bin_hz).T)


def _between(rows: Float32, places: NDArray[np.float64]) -> Float32:
    """Rows at fractional places, linearly; beyond the outer half of the first and last they are 0."""
    inside = (places > -0.5) & (places < len(rows) - 0.5)
    found = np.zeros((len(places), rows.shape[1]), np.float32)
    if inside.any():
        exact = np.clip(places[inside], 0, len(rows) - 1)
        low = exact.astype(np.int64)
        share = (exact - low).astype(np.float32)[:, np.newaxis]
        found[inside] = rows[low] * (1 - share) + rows[np.minimum(low + 1, len(rows) - 1)] * share
    return found


def _softened(shape: NDArray[np.bool_]) -> Float32:
    soft: Float32 = shape.astype(np.float32)
    if not soft.size:
        return soft
    reach = len(SPREAD) // 2
    for _ in range(2):  # along time, then along frequency
        padded = np.pad(soft, ((reach, reach), (0, 0)), mode="symmetric")
        soft = sum(weight * padded[i : i + len(soft)] for i, weight in enumerate(SPREAD)).T
    return soft
