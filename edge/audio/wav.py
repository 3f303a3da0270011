"""WAV encoder for a file that grows: the header is updated with each block, so that the file is always valid."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

HEADER = struct.Struct("<4sI4s 4sIQQQI 4sIHHIIHH 4sI")
MAX_BYTES = 0xFFFF_FFFF


class WavEncoder:
    """An encoder of 16-bit WAV, which becomes RF64 at 4 GiB (EBU Tech 3306).

    The ds64 chunk of RF64 replaces a JUNK chunk of equal size.

    Attributes:
        data_bytes: Bytes of samples so far.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self._rate_hz, self._channels, self.data_bytes = sample_rate_hz, channels, 0

    def encode(self, samples: NDArray[np.int16]) -> list[tuple[int, bytes]]:
        """Encode samples `[samples, channels]`, and return what to write: offsets in the file, and bytes."""
        offset, data = HEADER.size + self.data_bytes, samples.astype("<i2").tobytes()
        self.data_bytes += len(data)
        return [(offset, data), (0, self._header())]

    def close(self) -> list[tuple[int, bytes]]:
        """Return what to write at the end of the file: nothing."""
        return []

    def _header(self) -> bytes:
        sample_bytes, riff_bytes = 2 * self._channels, HEADER.size - 8 + self.data_bytes
        is_rf64 = riff_bytes > MAX_BYTES
        sizes = (riff_bytes, self.data_bytes, self.data_bytes // sample_bytes) if is_rf64 else (0, 0, 0)
        byte_rate = self._rate_hz * sample_bytes
        return HEADER.pack(
            *(b"RF64" if is_rf64 else b"RIFF", MAX_BYTES if is_rf64 else riff_bytes, b"WAVE"),
            *(b"ds64" if is_rf64 else b"JUNK", 28, *sizes, 0),
            *(b"fmt ", 16, 1, self._channels, self._rate_hz, byte_rate, sample_bytes, 16),
            *(b"data", MAX_BYTES if is_rf64 else self.data_bytes),
        )
