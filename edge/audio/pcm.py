"""Raw PCM from a pipe, such as `arecord -t raw` or `ffmpeg -f s16le -` write it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError, SettingsError
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ

BYTES_PER_VALUE = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}


def raw_blocks(
    stream: BinaryIO, sample_rate_hz: int, channels: int, sample_format: str, block_samples: int = 4096
) -> Iterator[NDArray[np.float32]]:
    """Yield float32 blocks [1..block_samples, channels] until the stream ends; integers are scaled to -1..1.

    Samples cut off at the end, with bytes or channels missing, are left out.

    Args:
        stream: interleaved little-endian samples.
        sample_rate_hz: 8000 to 384000; raw PCM does not say it, so it is checked here.
        channels: at least 1.
        sample_format: s16le, s24le, s32le or f32le.
        block_samples: samples read at once, at least 1.

    Raises:
        SettingsError: at once, for a value that is not allowed.
        SampleError: while reading, for a stream that ends without one whole sample.
    """
    if sample_format not in BYTES_PER_VALUE:
        nearest = difflib.get_close_matches(sample_format.lower(), BYTES_PER_VALUE, n=1, cutoff=0)[0]
        raise SettingsError(
            f"sample format {sample_format!r} is not known: did you mean {nearest!r}? "
            f"({', '.join(BYTES_PER_VALUE)} are)"
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
    stream: BinaryIO, channels: int, sample_format: str, block_samples: int
) -> Iterator[NDArray[np.float32]]:
    sample_bytes = BYTES_PER_VALUE[sample_format] * channels
    torn = b""
    any_sample = False
    while data := stream.read(block_samples * sample_bytes - len(torn)):
        data = torn + data
        whole_bytes = len(data) // sample_bytes * sample_bytes
        torn = data[whole_bytes:]
        if whole_bytes:
            any_sample = True
            yield _decode(data[:whole_bytes], sample_format).reshape(-1, channels)
    if not any_sample:
        raise SampleError(
            f"the raw stream ended after {len(torn)} bytes, before one whole sample of {sample_bytes}: "
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
