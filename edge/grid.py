"""The time-frequency grid that spectrogram, mask and events share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """The time-frequency grid on which spectrogram, mask and events lie."""

    sample_rate_hz: int = 32000
    n_fft: int = 512
    hop: int = 256
    bins: int = 256  # FFT bins 1..bins; bin 0 (DC) is left out
    magnitude_floor: float = 1e-5  # added to |STFT| of full-scale-1 samples; 20 dB under 16-bit dither

    @property
    def hop_s(self) -> float:
        """Seconds between frames."""
        return self.hop / self.sample_rate_hz

    @property
    def first_frame_s(self) -> float:
        """Centre of frame 0, in seconds after the first sample."""
        return self.n_fft / 2 / self.sample_rate_hz

    @property
    def bin_hz(self) -> float:
        """Hertz between bins."""
        return self.sample_rate_hz / self.n_fft

    @property
    def low_hz(self) -> float:
        """Centre of column 0."""
        return self.bin_hz

    def frames(self, samples: int) -> int:
        """How many frames a stream of so many samples gives, the flushed tail included."""
        if samples == 0:
            return 0
        return 1 + -(-max(samples - self.n_fft, 0) // self.hop)
