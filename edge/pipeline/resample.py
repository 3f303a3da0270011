"""Streaming conversion of any sample rate and channel count to mono at the model's rate.

The resampler is soxr's band-limited stream resampler at quality HQ, 20 bits (https://sourceforge.net/projects/soxr).
Its filter is linear-phase, and soxr removes the delay of the filter.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError, SettingsError
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ


class StreamResampler:
    """A streaming mixer and resampler.

    The output does not depend on how the input is divided into blocks, and equals `soxr.resample` of the whole
    input. Output sample k is at `k / output_rate_hz` seconds.

    Shape: `push(block [samples] or [samples, channels]) -> float32 [m]`.

    Args:
        input_rate_hz: 8000 to 384000.
        output_rate_hz: 8000 to 384000. If it equals the input rate, samples pass unchanged.
        channels: Channels of the input, at least 1.
        channel: The channel to use, from 0; None for the mean of all channels.

    Attributes:
        nonfinite_samples: Input samples that were NaN or infinite and were replaced by 0.

    Raises:
        SampleError: A rate is outside 8000 to 384000 Hz.
        SettingsError: There are no channels, or the channel does not exist.
    """

    def __init__(
        self, input_rate_hz: int, output_rate_hz: int = 32_000, channels: int = 1, channel: int | None = None
    ) -> None:
        for rate_hz in (input_rate_hz, output_rate_hz):
            if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
                raise SampleError(
                    f"a sample rate of {rate_hz} Hz was given: use {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
                )
        if channels < 1:
            raise SettingsError(f"{channels} channels were given: audio has at least 1")
        if channel is not None and not 0 <= channel < channels:
            raise SettingsError(
                f"channel {channel} was given, but the input has {channels}: choose 0 to {channels - 1}, "
                "or none for the mean of all"
            )
        self.input_rate_hz = input_rate_hz
        self.output_rate_hz = output_rate_hz
        self.nonfinite_samples = 0
        self._channels = channels
        self._channel = channel
        self._stream = None
        if input_rate_hz != output_rate_hz:
            self._stream = soxr.ResampleStream(
                input_rate_hz, output_rate_hz, 1, dtype="float32", quality="HQ"
            )

    def push(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output samples that a block completes, `[m]`.

        Samples that are NaN or infinite after mixing are replaced by 0, because the filter would spread them.

        Raises:
            SampleError: The block has the wrong shape.
        """
        mono = self._mono(block)
        finite = np.isfinite(mono)
        if not finite.all():
            self.nonfinite_samples += int(np.count_nonzero(~finite))
            mono[~finite] = 0
        return mono if self._stream is None else self._stream.resample_chunk(mono)

    def flush(self) -> NDArray[np.float32]:
        """Return the samples still in the filter, `[m]`; the next push starts a new stream."""
        rest = np.empty(0, dtype=np.float32)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
            self._stream.clear()
        return rest

    def _mono(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        by_channel = block[:, np.newaxis] if block.ndim == 1 else block
        if by_channel.ndim != 2 or by_channel.shape[1] != self._channels:
            raise SampleError(f"a block of shape {block.shape} was given: use [samples, {self._channels}]")
        if self._channel is not None:
            return by_channel[:, self._channel].astype(np.float32)
        mono = by_channel[:, 0].astype(np.float32)
        # Summed channel by channel: the order in which numpy's mean adds depends on the block size.
        with np.errstate(over="ignore", invalid="ignore"):
            for channel in range(1, self._channels):
                mono += by_channel[:, channel]
        mono /= self._channels
        return mono
