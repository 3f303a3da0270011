"""Standard input is raw PCM or WAV; other files are refused, and a pause is not the end."""

from __future__ import annotations

import io
import os
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from birdedge.edge.audio.sources import RecordedSource, pipe_source
from birdedge.edge.errors import AudioFileError, SettingsError

RATE_HZ = 24_000
SAMPLES = np.random.default_rng(2).uniform(-0.5, 0.5, (5000, 2)).astype(np.float32)
LIST = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf60.16.100\0"
ENCODED = {
    "s16le": (1, 16, (SAMPLES * 2**15).astype("<i2").tobytes()),
    "s24le": (1, 24, (SAMPLES * 2**23).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()),
    "s32le": (1, 32, (SAMPLES.astype(np.float64) * 2**31).astype("<i4").tobytes()),
    "f32le": (3, 32, SAMPLES.tobytes()),
}


def wav(sample_format: str, data_bytes: int, extra: bytes = b"", after: bytes = b"") -> bytes:
    tag, bits, data = ENCODED[sample_format]
    block = 2 * bits // 8
    fmt = struct.pack("<HHIIHH", tag, 2, RATE_HZ, RATE_HZ * block, block, bits)
    head = b"RIFF" + struct.pack("<I", 0xFFFF_FFFF) + b"WAVEfmt " + struct.pack("<I", 16) + fmt + extra
    return head + b"data" + struct.pack("<I", data_bytes) + data + after


def source_of(
    data: bytes, rate_hz: int | None = None, channels: int = 1, form: str = "s16le"
) -> RecordedSource:
    return pipe_source(io.BytesIO(data), rate_hz, channels, form, threading.Event())


def heard(source: RecordedSource) -> NDArray[np.float32]:
    return np.concatenate([block.samples for block in source.blocks(threading.Event())])


@pytest.mark.parametrize("sample_format", list(ENCODED))
@pytest.mark.parametrize("data_bytes", [0, 0x7FFF_F000, 0x8000_0000, 0xFFFF_FFFF, None])
def test_the_header_of_a_wav_file_takes_precedence(
    sample_format: str, data_bytes: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    known = len(ENCODED[sample_format][2])
    source = source_of(wav(sample_format, known if data_bytes is None else data_bytes, LIST), 48_000)
    assert (source.sample_rate_hz, source.channels) == (RATE_HZ, 2)
    np.testing.assert_allclose(heard(source), SAMPLES, atol=2**-15)
    assert "its header takes precedence: 24000 Hz, 2 channel(s)" in caplog.text


def test_a_wav_file_needs_no_rate(caplog: pytest.LogCaptureFixture) -> None:
    assert len(heard(source_of(wav("s16le", 0xFFFF_FFFF), None, 2))) == 5000
    assert caplog.text == ""


@pytest.mark.parametrize("padding", [b"", b"\0", b"\xaa"])
def test_a_chunk_of_odd_length_may_lack_its_padding(padding: bytes) -> None:
    note = b"note" + struct.pack("<I", 3) + b"abc" + padding
    np.testing.assert_array_equal(heard(source_of(wav("f32le", 0, note + LIST), None, 2)), SAMPLES)


def test_chunks_after_the_samples_are_not_read_as_sound() -> None:
    data = wav("f32le", len(ENCODED["f32le"][2]), after=LIST + b"guan" + struct.pack("<I", 4) + b"a: b")
    np.testing.assert_array_equal(heard(source_of(data, None, 2)), SAMPLES)


@pytest.mark.parametrize("declared", [8, 4000])
def test_sound_beyond_the_declared_length_is_read_with_a_warning(
    declared: int, caplog: pytest.LogCaptureFixture
) -> None:
    np.testing.assert_array_equal(heard(source_of(wav("f32le", declared), None, 2)), SAMPLES)
    assert "more sound than its WAV header says" in caplog.text


def test_sound_that_ends_before_the_declared_length_is_read_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    np.testing.assert_array_equal(heard(source_of(wav("f32le", 4 * SAMPLES.size + 400), None, 2)), SAMPLES)
    assert "400 bytes are missing" in caplog.text


@pytest.mark.parametrize("form", ["FLAC", "OGG", "MP3", "AIFF", "CAF", "AU", "W64"])
def test_other_files_are_refused_with_a_command_that_converts_them(tmp_path: Path, form: str) -> None:
    soundfile.write(tmp_path / "file", np.tile(SAMPLES, (10, 1)), RATE_HZ, format=form)
    with pytest.raises(
        AudioFileError, match=f"standard input is {form}, not raw PCM: .* ffmpeg -i FILE -f wav -"
    ):
        source_of((tmp_path / "file").read_bytes(), RATE_HZ)


def test_wav_with_other_samples_is_refused(tmp_path: Path) -> None:
    for subtype in ("PCM_U8", "ULAW", "MS_ADPCM", "DOUBLE"):
        soundfile.write(tmp_path / "a.wav", SAMPLES, RATE_HZ, subtype=subtype)
        with pytest.raises(AudioFileError, match="WAV with samples other than"):
            source_of((tmp_path / "a.wav").read_bytes())


def test_a_truncated_header_is_an_error() -> None:
    with pytest.raises(AudioFileError, match="ends before its samples"):
        source_of(wav("s16le", 0)[:40])


@pytest.mark.parametrize("first", [b"\xff\xfb", b"\xff\xfb\x90\x64", b"RIF", b"\0\0\0\0ft", b"Ogg"])
def test_raw_pcm_that_starts_almost_like_a_file_is_raw_pcm(first: bytes) -> None:
    noise = np.random.default_rng(4).integers(-9000, 9000, 50_000).astype("<i2").tobytes()
    data = (first + noise)[:100_000]
    expected = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)
    np.testing.assert_array_equal(heard(source_of(data, RATE_HZ))[:, 0], expected)


def test_raw_pcm_needs_a_rate() -> None:
    with pytest.raises(SettingsError, match="give it with --rate"):
        source_of(bytes(1000))


@pytest.mark.parametrize("data", [wav("s16le", 0), ENCODED["s16le"][2]], ids=["WAV", "raw"])
def test_a_pause_in_a_nonblocking_pipe_is_not_its_end(data: bytes) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as program:
            for at in range(0, len(data), 7001):
                time.sleep(0.15)
                program.write(data[at : at + 7001])

    threading.Thread(target=write).start()
    with os.fdopen(reading, "rb", buffering=0) as stream:
        source = pipe_source(stream, RATE_HZ, 2, "s16le", threading.Event())
        np.testing.assert_allclose(heard(source), SAMPLES, atol=2**-15)
