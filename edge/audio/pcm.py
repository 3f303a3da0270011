"""Raw PCM from a pipe, as `arecord -t raw` and `ffmpeg -f s16le -` write it, and raw PCM to a pipe."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError, SettingsError
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ

BYTES_PER_VALUE = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}


class PcmEncoder:
    """Interleaved 16-bit little-endian samples without a header."""

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        pass

    def encode(self, samples: NDArray[np.int16]) -> list[tuple[int, bytes]]:
        """Encode samples `[samples, channels]`, and return what to write: offset 0, and bytes."""
        return [(0, samples.astype("<i2").tobytes())]

    def close(self) -> list[tuple[int, bytes]]:
        """Return what to write at the end of the file: nothing."""
        return []


class ByteStream(Protocol):
    """Anything that bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; empty only at the end."""


def raw_blocks(
    stream: ByteStream, sample_rate_hz: int, channels: int, sample_format: str, block_samples: int = 4096
) -> Iterator[NDArray[np.float32]]:
    """Yield float32 blocks `[1..block_samples, channels]` until the stream ends; integers are scaled to -1..1.

    An incomplete sample at the end is discarded.

    Args:
        stream: Interleaved little-endian samples.
        sample_rate_hz: 8000 to 384000; checked here, because raw PCM has no header.
        channels: At least 1.
        sample_format: s16le, s24le, s32le or f32le.
        block_samples: Maximum samples per block, at least 1.

    Raises:
        SettingsError: Immediately, for a value that is not allowed.
        SampleError: While reading, for a stream that ends before its first complete sample.
    """
    if sample_format not in BYTES_PER_VALUE:
        nearest = difflib.get_close_matches(sample_format.lower(), BYTES_PER_VALUE, n=1, cutoff=0)[0]
        raise SettingsError(
            f"unknown sample format {sample_format!r}: did you mean {nearest!r}? "
            f"(use one of {', '.join(BYTES_PER_VALUE)})"
        )
    if not MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ:
        raise SettingsError(
            f"a sample rate of {sample_rate_hz} Hz was given: use {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
        )
    if channels < 1 or block_samples < 1:
        raise SettingsError(
            f"{channels} channels in blocks of {block_samples} samples were given: give at least 1 of each"
        )
    return _decoded_blocks(stream, channels, sample_format, block_samples)


def _decoded_blocks(
    stream: ByteStream, channels: int, sample_format: str, block_samples: int
) -> Iterator[NDArray[np.float32]]:
    sample_bytes = BYTES_PER_VALUE[sample_format] * channels
    rest = b""
    is_empty = True
    while data := stream.read(block_samples * sample_bytes - len(rest)):
        data = rest + data
        complete_bytes = len(data) // sample_bytes * sample_bytes
        rest = data[complete_bytes:]
        if complete_bytes:
            is_empty = False
            yield _decode(data[:complete_bytes], sample_format).reshape(-1, channels)
    if is_empty:
        raise SampleError(
            f"raw PCM ended after {len(rest)} bytes, before its first complete sample of {sample_bytes} bytes: "
            "check the program that writes it"
        )


def _decode(data: bytes, sample_format: str) -> NDArray[np.float32]:
    if sample_format == "f32le":
        return np.frombuffer(data, dtype="<f4").astype(np.float32)
    if sample_format == "s16le":
        return np.frombuffer(data, dtype="<i2").astype(np.float32) / np.float32(2**15)
    if sample_format == "s32le":
        return np.frombuffer(data, dtype="<i4").astype(np.float32) / np.float32(2**31)
    padded = np.zeros((len(data) // 3, 4), dtype=np.uint8)
    padded[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
    return padded.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
