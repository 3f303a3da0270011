"""Streaming log-magnitude spectrogram.

With window length N = `n_fft` and hop H, frame t and bin k hold

    L[t, k] = ln(|sum_n w[n] x[H t + n] exp(-2 pi i k n / N)| + floor),   w[n] = (1 - cos(2 pi n / N)) / 2

that is, the short-time Fourier transform under a periodic Hann window (Harris 1978, doi:10.1109/PROC.1978.10837).
On the default grid (N = 512, H = 256 at 32 kHz) frame t is centred 8 ms + 8 ms * t after the first sample. Samples
are scaled to full scale 1; the floor bounds the logarithm in digital silence. If the grid has several windows per
frame, the squares of their magnitudes are averaged (Welch 1967, doi:10.1109/TAU.1967.1161901).

A frame is computed from its own samples only, in a fixed order, so every division of the stream into blocks gives
the same bits. `flush` pads the tail with zeros until every sample is in a frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.grid import Grid

Float32 = NDArray[np.float32]
PIECE_WINDOWS = 64  # per transform; the arrays are reused, and fit into a processor's cache


class Spectrogram:
    """A streaming log-magnitude spectrogram.

    Shape: `push(samples [n]) -> float32 [frames, bins]`, natural logarithm.
    """

    def __init__(self, grid: Grid | None = None) -> None:
        self.grid = grid or Grid()
        n, self._piece_frames = self.grid.n_fft, PIECE_WINDOWS // self.grid.windows
        # The periodic Hann window, as scipy's `get_window("hann", n)`.
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(np.float32)
        # Buffers for one piece: numpy transforms float32 in float64 too, in arrays that it would allocate at each call.
        self._windowed = np.empty((PIECE_WINDOWS, n), np.float64)
        self._spectrum = np.empty((PIECE_WINDOWS, n // 2 + 1), np.complex128)
        self._squares = np.empty((2, PIECE_WINDOWS, self.grid.bins), np.float32)
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        self._tail: Float32 = np.zeros(0, np.float32)
        self._fresh = 0  # samples of the tail that no frame covers yet

    def missing_samples(self, frames: int) -> int:
        """Return the number of samples that the next `frames` frames still need, at least 1."""
        return self.grid.span + (frames - 1) * self.grid.hop - len(self._tail)

    def push(self, samples: Float32) -> Float32:
        """Return the frames that these samples complete."""
        span, hop = self.grid.span, self.grid.hop
        self._fresh += len(samples)
        buffer = np.concatenate([self._tail, samples.astype(np.float32, copy=False)])
        frames = max(0, (len(buffer) - span) // hop + 1)
        self._tail = buffer[frames * hop :].copy()
        if frames == 0:
            return np.zeros((0, self.grid.bins), np.float32)
        self._fresh = len(self._tail) - (span - hop)
        level = np.empty((frames, self.grid.bins), np.float32)
        for at in range(0, frames, self._piece_frames):
            self._log_magnitude(buffer[at * hop :], level[at : at + self._piece_frames])
        return level

    def flush(self) -> Float32:
        """Return the zero-padded last frame if samples remain that no frame covers, and start a new stream."""
        tail, fresh = self._tail, self._fresh
        self.reset()
        if fresh <= 0:
            return np.zeros((0, self.grid.bins), np.float32)
        level = np.empty((1, self.grid.bins), np.float32)
        self._log_magnitude(np.pad(tail, (0, self.grid.span - len(tail))), level)
        return level

    def _log_magnitude(self, buffer: Float32, level: Float32) -> None:
        """Write the first frames of a buffer to `level`, at most a piece."""
        grid, count = self.grid, len(level) * self.grid.windows
        # Like sliding_window_view, which takes longer than the transform when a live block has few frames.
        step = buffer.itemsize
        windows: Float32 = np.ndarray(
            (count, grid.n_fft), buffer.dtype, buffer, 0, (grid.window_hop * step, step)
        )
        windowed, spectrum = self._windowed[:count], self._spectrum[:count]
        power, imaginary = self._squares[:, :count]
        with np.errstate(over="ignore", invalid="ignore"):  # chunks with such frames are counted
            np.multiply(windows, self._window, out=windowed, dtype=np.float32)
            np.fft.rfft(windowed, axis=1, out=spectrum)
            bins = spectrum[:, 1 : grid.bins + 1]
            # abs() of a complex array (hypot) takes three times as long.
            np.square(bins.real, out=power, dtype=np.float32, casting="same_kind")
            np.square(bins.imag, out=imaginary, dtype=np.float32, casting="same_kind")
            power += imaginary
            if grid.windows > 1:
                power = np.add.reduce(power.reshape(len(level), grid.windows, grid.bins), axis=1)
                power /= np.float32(grid.windows)
        magnitude = np.sqrt(power, out=power)
        magnitude += np.float32(grid.magnitude_floor)
        # In float64, then rounded: the last bit of a float32 logarithm differs between processors.
        np.log(magnitude, out=level, dtype=np.float64, casting="same_kind")
