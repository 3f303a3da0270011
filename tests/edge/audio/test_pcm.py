"""Raw PCM decodes as in soundfile, however the pipe splits it."""

import io

import numpy as np
import pytest
import soundfile

from birdedge.edge.audio.pcm import raw_blocks
from birdedge.edge.errors import SampleError, SettingsError

SUBTYPES = {"s16le": "PCM_16", "s24le": "PCM_24", "s32le": "PCM_32", "f32le": "FLOAT"}
BYTES = {"s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4}


class DrippingPipe(io.RawIOBase):
    """A pipe that returns a few bytes per read, as an unbuffered standard input may."""

    def __init__(self, data):
        self._data = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._data.readinto(memoryview(buffer)[:5])


def pcm(samples, channels, sample_format):
    """Return the bytes of noise that reaches full scale in both directions."""
    values = np.random.default_rng(3).uniform(-1, 1, (samples, channels))
    values[:2] = [[-1], [1]]
    file = io.BytesIO()
    soundfile.write(
        file, values, 48_000, format="RAW", subtype=SUBTYPES[sample_format], endian="LITTLE", closefd=False
    )
    return file.getvalue()


def decoded_by_soundfile(data, channels, sample_format):
    return soundfile.read(
        io.BytesIO(data),
        dtype="float32",
        always_2d=True,
        samplerate=48_000,
        channels=channels,
        format="RAW",
        subtype=SUBTYPES[sample_format],
        endian="LITTLE",
    )[0]


@pytest.mark.parametrize("sample_format", SUBTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("pipe", [io.BytesIO, DrippingPipe])
def test_every_format_decodes_as_in_soundfile(sample_format, channels, pipe):
    data = pcm(200, channels, sample_format)
    blocks = list(raw_blocks(pipe(data), 48_000, channels, sample_format, block_samples=17))
    assert all(block.dtype == np.float32 and 1 <= len(block) <= 17 for block in blocks)
    expected = decoded_by_soundfile(data, channels, sample_format)
    assert expected.shape == (200, channels)
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


@pytest.mark.parametrize("sample_format", SUBTYPES)
def test_an_incomplete_last_sample_is_discarded(sample_format):
    data = pcm(10, 2, sample_format)
    for missing_bytes in range(1, 2 * BYTES[sample_format]):
        output = np.concatenate(list(raw_blocks(io.BytesIO(data[:-missing_bytes]), 48_000, 2, sample_format)))
        np.testing.assert_array_equal(output, decoded_by_soundfile(data, 2, sample_format)[:9])


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0"])
def test_a_stream_without_a_complete_sample_is_an_error(data):
    with pytest.raises(
        SampleError, match=f"ended after {len(data)} bytes, before its first complete sample of 4"
    ):
        list(raw_blocks(io.BytesIO(data), 48_000, 2, "s16le"))


@pytest.mark.parametrize(
    ("given", "nearest"), [("s16", "s16le"), ("S24LE", "s24le"), ("s32be", "s32le"), ("float", "f32le")]
)
def test_an_unknown_format_is_an_error_that_names_the_nearest_one(given, nearest):
    with pytest.raises(SettingsError, match=f"unknown sample format '{given}': did you mean '{nearest}'"):
        raw_blocks(io.BytesIO(), 48_000, 1, given)


@pytest.mark.parametrize("settings", [(7_999, 1, 1), (384_001, 1, 1), (48_000, 0, 1), (48_000, 1, 0)])
def test_invalid_settings_are_an_error_before_reading(settings):
    rate_hz, channels, block_samples = settings
    with pytest.raises(SettingsError, match=r"use 8000 to 384000 Hz|give at least 1 of each"):
        raw_blocks(io.BytesIO(), rate_hz, channels, "s16le", block_samples)
