"""The time-frequency grid that spectrogram, mask and events share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """The times and frequencies of spectrogram frames and bins.

    Frame t covers the samples `[t * hop, t * hop + span)`: it is the mean power of `windows` windows of `n_fft`
    samples, which start `hop / windows` apart. Column b of a spectrogram or mask is FFT bin b + 1.
    """

    sample_rate_hz: int = 32000
    n_fft: int = 512
    hop: int = 256  # samples between frames
    bins: int = 256  # FFT bins 1..bins; bin 0 (DC) is left out
    magnitude_floor: float = 1e-5  # added to |STFT| of full-scale-1 samples; 20 dB below 16-bit dither
    windows: int = 1  # per frame

    @property
    def window_hop(self) -> int:
        """Samples between windows."""
        return self.hop // self.windows

    @property
    def span(self) -> int:
        """Samples that a frame covers."""
        return self.n_fft + (self.windows - 1) * self.window_hop

    @property
    def hop_s(self) -> float:
        """Seconds between frames."""
        return self.hop / self.sample_rate_hz

    @property
    def first_frame_s(self) -> float:
        """Centre of frame 0, in seconds after the first sample."""
        return self.span / 2 / self.sample_rate_hz

    @property
    def bin_hz(self) -> float:
        """Hertz between bins."""
        return self.sample_rate_hz / self.n_fft

    @property
    def low_hz(self) -> float:
        """Centre of column 0."""
        return self.bin_hz

    def frames(self, samples: int) -> int:
        """Return the number of frames of a stream of `samples` samples, including the padded last one."""
        if samples == 0:
            return 0
        return 1 + -(-max(samples - self.span, 0) // self.hop)
