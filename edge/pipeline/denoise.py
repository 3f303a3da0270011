"""Denoising: the audio inside the mask, by overlap-add of masked spectra.

The audio x is divided into windows x_m of two hops H, at half overlap, under a periodic Hann window w. Each spectrum is
multiplied by a real gain G in 0..1, transformed back, and added (Allen 1977, doi:10.1109/TASSP.1977.1162950):

    y[n] = sum_m irfft(G_m * rfft(w * x_m))[n - H m],   with   sum_m w[n - H m] = 1

so G = 1 reproduces x and G = 0 is silence. G is the thresholded mask, smoothed by a Gaussian with a standard deviation
of one frame and one bin because a step in G rings, and interpolated at the window's centre and bins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.mask_interpolation import (
    binary_mask_near,
    frame_positions,
    hop_samples,
    interpolate,
)

Float32 = NDArray[np.float32]
CHUNK_FRAMES = 512  # windows per transform: memory does not grow with the length of a recording
KERNEL = np.exp(-0.5 * np.arange(-3, 4) ** 2)
KERNEL = (KERNEL / KERNEL.sum()).astype(np.float32)


def denoise(
    samples: NDArray[np.float32] | NDArray[np.int16],
    sample_rate_hz: int,
    mask: NDArray[np.uint8],
    grid: Grid,
    first_frame_s: float | None = None,
    threshold: float = 0.5,
) -> Float32:
    """Return the part of the audio inside the mask, with the sample rate and channels of the audio.

    No sound passes outside the times and frequencies of the mask.

    Args:
        samples: `[samples, channels]`.
        sample_rate_hz: The sample rate of the audio, which may differ from the grid's.
        mask: 255 * probability, `[frames, bins]`.
        grid: The grid of the mask.
        first_frame_s: Centre of the first mask frame, in seconds after the first sample; None for the grid's own.
        threshold: The probability from which a bin is bird sound.

    Returns:
        `[samples, channels]`, on the scale of `samples`.
    """
    denoiser = Denoiser(sample_rate_hz, samples.shape[1], grid, first_frame_s, threshold)
    step = CHUNK_FRAMES * hop_samples(sample_rate_hz, grid)
    out = np.zeros_like(samples, np.float32)
    denoiser.push(samples[:0], mask)
    end = 0
    for at in range(0, len(samples), step):
        piece = denoiser.push(samples[at : at + step], mask[:0])
        out[end : end + len(piece)] = piece
        end += len(piece)
    out[end:] = denoiser.flush()
    return out


class Denoiser:
    """The streaming form of `denoise`.

    The output starts at the first sample and continues as far as the mask is known. Every division of audio and mask
    into pushes gives the same bits. NaN and infinite samples are replaced by 0.

    Shape: `push(samples [n, channels], mask [frames, bins]) -> float32 [m, channels]`.

    Args:
        sample_rate_hz: The sample rate of the audio, which may differ from the grid's.
        channels: Channels of the audio.
        grid: The grid of the mask.
        first_frame_s: Centre of the first mask frame, in seconds after the first sample; None for the grid's own.
        threshold: The probability from which a bin is bird sound.
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
        self._first_frame_s = grid.first_frame_s if first_frame_s is None else first_frame_s
        self._hop = hop = hop_samples(sample_rate_hz, grid)
        self._hann = (0.5 - 0.5 * np.cos(np.pi * np.arange(2 * hop) / hop)).astype(np.float32)
        self._windows = self._samples = 0  # processed windows, pushed samples
        self._audio = np.zeros((hop, channels), np.float32)  # from the start of the next window on
        self._first_frame, self._mask = 0, np.zeros((0, grid.bins), np.uint8)
        self._tail = np.zeros((hop, channels), np.float32)  # second half of the previous window

    def push(self, samples: NDArray[np.float32] | NDArray[np.int16], mask: NDArray[np.uint8]) -> Float32:
        """Return the samples that these samples and mask frames complete."""
        audio = samples.astype(np.float32)
        audio[~np.isfinite(audio)] = 0
        self._samples += len(audio)
        self._audio = np.concatenate([self._audio, audio])
        self._mask = np.concatenate([self._mask, mask])
        ready = np.arange(self._windows, self._samples // self._hop)
        # A window reads two frames, each smoothed over its neighbours.
        last_frames = np.floor(self._positions(ready)) + 1 + len(KERNEL) // 2
        count = np.searchsorted(last_frames, self._first_frame + len(self._mask))
        return self._process(int(count))

    def flush(self) -> Float32:
        """Return the remaining samples; no sound passes beyond the end of the mask."""
        left = self._samples - max(0, self._windows - 1) * self._hop
        windows = -(-self._samples // self._hop) + 1 - self._windows if self._samples else 0
        missing = max(0, (windows + 1) * self._hop - len(self._audio))
        self._audio = np.pad(self._audio, ((0, missing), (0, 0)))
        return self._process(windows)[:left]

    def _positions(self, windows: NDArray[np.int64]) -> NDArray[np.float64]:
        return frame_positions(windows, self._sample_rate_hz, self._grid, self._first_frame_s)

    def _process(self, count: int) -> Float32:
        """Return the output of the next windows, without the hop of silence before the first."""
        hop, first = self._hop, self._windows
        out = np.zeros((count * hop, self._audio.shape[1]), np.float32)
        for at in range(0, count, CHUNK_FRAMES):
            numbers = np.arange(first + at, first + min(at + CHUNK_FRAMES, count))
            binary, positions = binary_mask_near(
                self._mask, self._positions(numbers) - self._first_frame, self._threshold
            )
            gain = interpolate(_smoothed(binary), positions, self._sample_rate_hz, self._grid)
            active = gain.any(axis=1)  # most windows of a night are silent and need no transform
            audio = self._audio[at * hop :]
            frames = np.lib.stride_tricks.sliding_window_view(audio, 2 * hop, axis=0)[::hop][: len(numbers)]
            pieces = np.zeros(frames.shape, np.float32)  # [windows, channels, samples]
            spectrum = np.fft.rfft(frames[active] * self._hann, axis=2)
            pieces[active] = np.fft.irfft(spectrum * gain[active, np.newaxis], axis=2)
            pieces = pieces.transpose(0, 2, 1)
            sums = pieces[:, :hop] + np.concatenate([self._tail[np.newaxis], pieces[:-1, hop:]])
            out[at * hop : (at + len(numbers)) * hop] = sums.reshape(-1, out.shape[1])
            self._tail = pieces[-1, hop:].copy()
        self._windows += count
        self._audio = self._audio[count * hop :].copy()
        next_frame = int(self._positions(np.array([self._windows]))[0]) - len(KERNEL)
        passed = min(max(0, next_frame - self._first_frame), len(self._mask))
        self._mask = self._mask[passed:]
        self._first_frame += passed
        return out[hop if first == 0 else 0 :]


def _smoothed(binary: NDArray[np.bool_]) -> Float32:
    """Return a binary mask convolved with `KERNEL` along time and frequency, with symmetric edges."""
    smooth: Float32 = binary.astype(np.float32)
    if not smooth.size:
        return smooth
    reach = len(KERNEL) // 2
    for _ in range(2):  # along time, then along frequency
        padded = np.pad(smooth, ((reach, reach), (0, 0)), mode="symmetric")
        smooth = sum(weight * padded[i : i + len(smooth)] for i, weight in enumerate(KERNEL)).T
    return smooth
