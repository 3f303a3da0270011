"""The bird alone: a clip's own short-time spectrum, let through where its mask is set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.grid import Grid

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
    gate = Denoiser(sample_rate_hz, samples.shape[1], grid, first_frame_s, threshold)
    step = CHUNK_FRAMES * clip_hop(sample_rate_hz, grid)
    out = np.zeros_like(samples, np.float32)
    gate.push(samples[:0], mask)
    end = 0
    for at in range(0, len(samples), step):
        piece = gate.push(samples[at : at + step], mask[:0])
        out[end : end + len(piece)] = piece
        end += len(piece)
    out[end:] = gate.flush()
    return out


class Denoiser:
    """As `denoise`, of a stream: push sound and mask as they come, and flush at the end.

    What comes out is the sound from its first sample on, as far as the mask about it is known; however sound and mask
    are divided into pushes, it is the same, bit for bit. A value that is no number is silence.

    Shape: `push(samples [n, channels], mask [frames, bins]) -> float32 [samples, channels]`.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        channels: int,
        grid: Grid,
        first_frame_s: float | None = None,
        threshold: float = 0.5,
    ) -> None:
        self._sample_rate_hz, self._grid, self._threshold = sample_rate_hz, grid, threshold
        self._start_s = grid.first_frame_s if first_frame_s is None else first_frame_s
        self._hop = hop = clip_hop(sample_rate_hz, grid)
        self._hann = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)).astype(np.float32)
        self._windows = self._samples = 0  # worked on; pushed
        self._sound = np.zeros((hop, channels), np.float32)  # from the start of the next window on
        self._first_frame, self._mask = 0, np.zeros((0, grid.bins), np.uint8)
        self._tail = np.zeros((hop, channels), np.float32)  # of the window before

    def push(self, samples: NDArray[np.float32] | NDArray[np.int16], mask: NDArray[np.uint8]) -> Float32:
        """What this completes."""
        sound = samples.astype(np.float32)
        sound[~np.isfinite(sound)] = 0
        self._samples += len(sound)
        self._sound = np.concatenate([self._sound, sound])
        self._mask = np.concatenate([self._mask, mask])
        heard = np.arange(self._windows, self._samples // self._hop)
        # A window takes two frames, each softened by its neighbours.
        last_frames = np.floor(self._places(heard)) + 1 + len(SPREAD) // 2
        seen = np.searchsorted(last_frames, self._first_frame + len(self._mask))
        return self._work(int(seen))

    def flush(self) -> Float32:
        """The rest; beyond the mask's end nothing passes."""
        left = self._samples - max(0, self._windows - 1) * self._hop
        windows = -(-self._samples // self._hop) + 1 - self._windows if self._samples else 0
        missing = max(0, (windows + 1) * self._hop - len(self._sound))
        self._sound = np.pad(self._sound, ((0, missing), (0, 0)))
        return self._work(windows)[:left]

    def _places(self, windows: NDArray[np.int64]) -> NDArray[np.float64]:
        return places(windows, self._sample_rate_hz, self._grid, self._start_s)

    def _work(self, count: int) -> Float32:
        """The sound of the next windows, without the hop of silence before the first."""
        hop, first = self._hop, self._windows
        out = np.zeros((count * hop, self._sound.shape[1]), np.float32)
        for at in range(0, count, CHUNK_FRAMES):
            numbers = np.arange(first + at, first + min(at + CHUNK_FRAMES, count))
            near, since = set_near(self._mask, self._places(numbers) - self._first_frame, self._threshold)
            gate = at_frames_and_bins(_softened(near), since, self._sample_rate_hz, self._grid)
            loud = gate.any(axis=1)  # most of a night is silence, which needs no transform
            sound = self._sound[at * hop :]
            frames = np.lib.stride_tricks.sliding_window_view(sound, 2 * hop, axis=0)[::hop][: len(numbers)]
            pieces = np.zeros(frames.shape, np.float32)  # [windows, channels, samples]
            spectrum = np.fft.rfft(frames[loud] * self._hann, axis=2)
            pieces[loud] = np.fft.irfft(spectrum * gate[loud, np.newaxis], axis=2)
            pieces = pieces.transpose(0, 2, 1)
            # Hann windows at half overlap add up to one.
            sums = pieces[:, :hop] + np.concatenate([self._tail[np.newaxis], pieces[:-1, hop:]])
            out[at * hop : (at + len(numbers)) * hop] = sums.reshape(-1, out.shape[1])
            self._tail = pieces[-1, hop:].copy()
        self._windows += count
        self._sound = self._sound[count * hop :].copy()
        next_frame = int(self._places(np.array([self._windows]))[0]) - len(SPREAD)
        passed = min(max(0, next_frame - self._first_frame), len(self._mask))
        self._mask = self._mask[passed:]
        self._first_frame += passed
        return out[hop if first == 0 else 0 :]


def clip_hop(sample_rate_hz: int, grid: Grid) -> int:
    """The grid's hop in samples of another rate, the nearest there is."""
    return max(1, round(grid.hop * sample_rate_hz / grid.sample_rate_hz))


def windows(samples: NDArray[Any], hop: int) -> NDArray[Any]:
    """Windows of two hops `[windows, 2 * hop]`, the n-th centred on sample n * hop, until past the last sample."""
    last = -(-len(samples) // hop)
    padded = np.pad(samples, (hop, (last + 1) * hop - len(samples)))
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop]


def places(
    windows: NDArray[np.int64], sample_rate_hz: int, grid: Grid, first_frame_s: float
) -> NDArray[np.float64]:
    """Where the n-th windows lie among the mask's frames, whose first has its centre at `first_frame_s`."""
    found: NDArray[np.float64] = (
        windows * clip_hop(sample_rate_hz, grid) / sample_rate_hz - first_frame_s
    ) / grid.hop_s
    return found


def set_near(
    mask: NDArray[np.uint8], places: NDArray[np.float64], threshold: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The part of a mask about some places, so wide that its edges do not matter, and the places counted from there.

    Args:
        mask: `[frames, bins]`.
        places: in order, in frames after the mask's first, with fractions.
        threshold: probability from which a bin is set.

    Returns:
        `[frames, bins]`, and the places in frames after its first.
    """
    first = max(0, int(places[0]) - len(SPREAD))
    last = max(0, int(places[-1]) + len(SPREAD))
    return mask[first:last] >= round(255 * threshold), places - first


def at_frames_and_bins(
    plane: Float32, places: NDArray[np.float64], sample_rate_hz: int, grid: Grid
) -> Float32:
    """Values of `plane [frames, bins]` at other times and at the bins of a window at another rate; 0 outside.

    Args:
        plane: on the grid.
        places: in frames after the plane's first, with fractions.
        sample_rate_hz: of the sound whose windows are `2 * clip_hop` samples long.

    Returns:
        `[places, bins of the window, DC included]`.
    """
    hop = clip_hop(sample_rate_hz, grid)
    hz = np.arange(hop + 1) * sample_rate_hz / (2 * hop)
    rows = _between(plane, places)
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
