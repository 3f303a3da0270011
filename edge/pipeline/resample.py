"""Streaming conversion of any sample rate to the model's rate.

The resampler is soxr's band-limited stream resampler at quality HQ, 20 bits (https://sourceforge.net/projects/soxr).
Its filter is linear-phase, and soxr removes the delay of the filter.
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ


class StreamResampler:
    """A streaming resampler.

    The output does not depend on how the input is divided into blocks, and equals `soxr.resample` of the whole
    input. Output sample k is at `k / output_rate_hz` seconds.

    Shape: `push(samples [n]) -> float32 [m]`.

    Args:
        input_rate_hz: 8000 to 384000.
        output_rate_hz: 8000 to 384000. If it equals the input rate, samples pass unchanged.

    Raises:
        SampleError: A rate is outside 8000 to 384000 Hz.
    """

    def __init__(self, input_rate_hz: int, output_rate_hz: int = 32_000) -> None:
        for rate_hz in (input_rate_hz, output_rate_hz):
            if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
                raise SampleError(
                    f"a sample rate of {rate_hz} Hz was given: use {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
                )
        self._stream = None
        if input_rate_hz != output_rate_hz:
            self._stream = soxr.ResampleStream(
                input_rate_hz, output_rate_hz, 1, dtype="float32", quality="HQ"
            )

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output samples that these complete, `[m]`."""
        return samples if self._stream is None else self._stream.resample_chunk(samples)

    def flush(self) -> NDArray[np.float32]:
        """Return the samples still in the filter, `[m]`; the next push starts a new stream."""
        rest = np.empty(0, dtype=np.float32)
        if self._stream is not None:
            rest = self._stream.resample_chunk(rest, last=True)
            self._stream.clear()
        return rest
