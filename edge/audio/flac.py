"""FLAC encoder for a file that grows: the header is updated with each frame, so that the file is always valid."""

from __future__ import annotations

import os
import struct

import numpy as np
import soundfile
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError

MAX_CHANNELS = 8
MAX_LENGTH = (1 << 36) - 1  # samples
LENGTH_OFFSET = 18  # of 64 bits in STREAMINFO: sample rate, channels, bits per sample, samples


class FlacEncoder:
    """An encoder of 16-bit FLAC (RFC 9639) with libsndfile, which alone would write the length only at the end.

    libsndfile writes to this object as its file. The writes are recorded and returned, because libsndfile does not
    report disk errors.

    Raises:
        SettingsError: More than 8 channels.
    """

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        if channels > MAX_CHANNELS:
            raise SettingsError(
                f"FLAC allows at most {MAX_CHANNELS} channels and the source has {channels}; name a .wav file"
            )
        self._writes: list[tuple[int, bytes]] = []
        self._offset = self._end = self._samples = self._frame_samples = 0
        self._format = sample_rate_hz << 44 | (channels - 1) << 41 | (16 - 1) << 36
        self._file = soundfile.SoundFile(self, "w", sample_rate_hz, channels, "PCM_16", format="FLAC")

    def encode(self, samples: NDArray[np.int16]) -> list[tuple[int, bytes]]:
        """Encode samples `[samples, channels]`, and return what to write: offsets in the file, and bytes."""
        self._file.write(samples)
        self._samples += len(samples)
        writes, self._writes = self._writes, []
        if not self._frame_samples:
            self._frame_samples = struct.unpack_from(">H", b"".join(data for _, data in writes), 8)[0]
        # A frame is written with the first sample after it.
        written = (self._samples - 1) // self._frame_samples * self._frame_samples
        return [*writes, self._length(written)] if writes else []

    def close(self) -> list[tuple[int, bytes]]:
        """Return what to write at the end of the file."""
        self._file.close()
        return [*self._writes, self._length(self._samples)]

    def _length(self, samples: int) -> tuple[int, bytes]:
        """Return what to write to the length field; a length that does not fit becomes 0, which means unknown."""
        known = samples if samples <= MAX_LENGTH else 0
        return LENGTH_OFFSET, struct.pack(">Q", self._format | known)

    def write(self, data: bytes) -> int:
        """Record a write of libsndfile."""
        self._writes.append((self._offset, bytes(data)))
        self._offset += len(data)
        self._end = max(self._end, self._offset)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the offset of the next write of libsndfile."""
        self._offset = offset + (0, self._offset, self._end)[whence]
        return self._offset

    def tell(self) -> int:
        """Return the offset of the next write of libsndfile."""
        return self._offset
