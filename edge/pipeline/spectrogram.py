"""Log-magnitude spectrogram, a block at a time.

Frame t is the 512 samples [256 t, 256 t + 512) under a Hann window, so it is centred 8 ms + 8 ms * t after
the first sample at 32 kHz. `flush` pads the tail with zeros until every sample has been in a frame. A frame
is computed from its own samples alone, in one fixed order, so any division of the stream into blocks gives
the same bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.grid import Grid

Float32 = NDArray[np.float32]
PIECE_FRAMES = 32  # at once: larger arrays come fresh from the system each time, and cost three times as much


class Spectrogram:
    """Streaming `log(|STFT| + floor)`: push samples, get frames.

    Shape: `push(samples [n]) -> float32 [frames, bins]`, natural logarithm.
    """

    def __init__(self, grid: Grid | None = None) -> None:
        self.grid = grid or Grid()
        n = self.grid.n_fft
        # Periodic Hann (as scipy's `get_window("hann", n)`).
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next sample is the first of a stream."""
        self._tail: Float32 = np.zeros(0, np.float32)
        self._fresh = 0  # samples of the tail that no frame has covered yet

    def missing_samples(self, frames: int) -> int:
        """How many samples so many frames still need, at least 1."""
        return self.grid.n_fft + (frames - 1) * self.grid.hop - len(self._tail)

    def push(self, samples: Float32) -> Float32:
        """Frames completed by these samples."""
        n_fft, hop = self.grid.n_fft, self.grid.hop
        self._fresh += len(samples)
        buffer = np.concatenate([self._tail, samples.astype(np.float32, copy=False)])
        frames = max(0, (len(buffer) - n_fft) // hop + 1)
        self._tail = buffer[frames * hop :].copy()
        if frames == 0:
            return np.zeros((0, self.grid.bins), np.float32)
        self._fresh = len(self._tail) - (n_fft - hop)
        level = np.empty((frames, self.grid.bins), np.float32)
        for at in range(0, frames, PIECE_FRAMES):
            piece = level[at : at + PIECE_FRAMES]
            piece[:] = self._log_magnitude(buffer[at * hop :], len(piece))
        return level

    def flush(self) -> Float32:
        """The last frame, padded with zeros, where samples are left that no frame has covered; then reset."""
        tail, fresh = self._tail, self._fresh
        self.reset()
        if fresh <= 0:
            return np.zeros((0, self.grid.bins), np.float32)
        return self._log_magnitude(np.pad(tail, (0, self.grid.n_fft - len(tail))), 1)

    def _log_magnitude(self, buffer: Float32, frames: int) -> Float32:
        grid = self.grid
        # As sliding_window_view, which takes longer than the transform where a live block gives few frames.
        step = buffer.itemsize
        windows: Float32 = np.ndarray((frames, grid.n_fft), buffer.dtype, buffer, 0, (grid.hop * step, step))
        spectrum = np.fft.rfft(windows * self._window, axis=1)[:, 1 : grid.bins + 1]
        # Written out, since abs() of a complex array (hypot) takes three times as long.
        power = spectrum.real**2 + spectrum.imag**2
        magnitude = np.sqrt(power) + np.float32(grid.magnitude_floor)
        # In double precision and rounded, since the last bit of a float's logarithm differs between processors.
        return np.log(magnitude.astype(np.float64)).astype(np.float32)
