"""Any sample rate and channel count in, mono at the model's rate out, a block at a time."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError, SettingsError
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ


class StreamResampler:
    """Mixes or picks a channel and resamples it with soxr's stream resampler, quality HQ.

    The output does not depend on how the input is cut into blocks, and equals `soxr.resample` of the whole.
    The filter's delay is taken off: output sample k stands at k / output_rate_hz seconds.

    Args:
        input_rate_hz: 8000 to 384000.
        output_rate_hz: 8000 to 384000; equal to the input rate, samples pass unchanged.
        channels: channels of the input, at least 1.
        channel: the channel to pick, from 0; None for the mean of all.

    Raises:
        SampleError: a rate outside 8000 to 384000 Hz.
        SettingsError: no channels, or a channel that is not there.
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
            raise SettingsError(f"{channels} channels were given: sound has at least 1")
        if channel is not None and not 0 <= channel < channels:
            raise SettingsError(
                f"channel {channel} was asked for, but the input has {channels}: choose 0 to {channels - 1}, "
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
        """Take a block and return the output samples it completes, mono [m].

        Samples that are not finite after mixing become 0 and are counted in `nonfinite_samples`: in the
        filter one of them would spoil its neighbours.

        Args:
            block: [samples] where there is one channel, or [samples, channels].

        Raises:
            SampleError: the block has another shape.
        """
        mono = self._mono(block)
        finite = np.isfinite(mono)
        if not finite.all():
            self.nonfinite_samples += int(np.count_nonzero(~finite))
            mono[~finite] = 0
        return mono if self._stream is None else self._stream.resample_chunk(mono)

    def flush(self) -> NDArray[np.float32]:
        """Return the samples still inside, [m], and start anew: the next push begins another stream."""
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
        # Channel by channel: numpy's own mean may add in another order for another block size.
        with np.errstate(over="ignore", invalid="ignore"):
            for channel in range(1, self._channels):
                mono += by_channel[:, channel]
        mono /= self._channels
        return mono
