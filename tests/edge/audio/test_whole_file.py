"""Files are read to their end even if their header gives a shorter length, and several streams are read as one."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.errors import AudioFileError

RATE_HZ = 16_000
SAMPLES = np.random.default_rng(7).uniform(-0.5, 0.5, 3 * RATE_HZ).astype(np.float32)
GUANO = b"guan" + struct.pack("<I", 4) + b"a: b"


def write(
    path: Path, form: str = "WAV", subtype: str = "PCM_16", samples: NDArray[np.float32] = SAMPLES
) -> Path:
    soundfile.write(path, samples, RATE_HZ, format=form, subtype=subtype)
    return path


def patched(path: Path, name: bytes, after: int, value: bytes) -> Path:
    """Replace bytes that follow the first occurrence of a name."""
    data = bytearray(path.read_bytes())
    at = data.index(name) + after
    data[at : at + len(value)] = value
    path.write_bytes(data)
    return path


def read(path: Path) -> tuple[NDArray[np.float32], list[str]]:
    with AudioFile(path) as file:
        blocks = np.concatenate([*file.blocks(5000)])
        assert len(blocks) == file.length_samples
        return blocks[:, 0], file.warnings


def assert_whole(path: Path, warning: str | None, samples: NDArray[np.float32] = SAMPLES) -> None:
    heard, warnings = read(path)
    np.testing.assert_allclose(heard, samples, atol=2**-14)
    assert len(warnings) == (warning is not None)
    assert warning is None or warning in warnings[0]


LENGTHS: dict[str, tuple[bytes, int, str]] = {  # format: name before its length, distance, struct
    "WAV": (b"data", 4, "<I"),
    "WAVEX": (b"data", 4, "<I"),
    "RF64": (b"ds64", 16, "<Q"),
    "W64": (b"data", 16, "<Q"),
    "AIFF": (b"SSND", 4, ">I"),
    "AU": (b".snd", 8, ">I"),
    "CAF": (b"data", 4, ">q"),
}


@pytest.mark.parametrize("form", LENGTHS)
def test_a_stale_length_is_ignored_with_a_warning(tmp_path: Path, form: str) -> None:
    name, after, number = LENGTHS[form]
    path = patched(write(tmp_path / "a", form), name, after, struct.pack(number, 32_000))
    assert_whole(path, "a holds more sound than its header says: 3.0 s instead of 1.0 s")


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "RF64", "W64", "AU", "CAF"])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_length_of_0_is_ignored_with_a_warning(tmp_path: Path, form: str, subtype: str) -> None:
    name, after, number = LENGTHS[form]
    path = patched(write(tmp_path / "a", form, subtype), name, after, bytes(struct.calcsize(number)))
    assert_whole(path, "3.0 s instead of 0.0 s; all of it is read")


def test_an_unfinished_caf_file_is_read_to_its_end(tmp_path: Path) -> None:
    assert_whole(patched(write(tmp_path / "a.caf", "CAF"), b"data", 4, b"\xff" * 8), None)


def test_a_chunk_after_the_samples_of_a_caf_file_is_not_sound(tmp_path: Path) -> None:
    path = write(tmp_path / "a.caf", "CAF")
    path.write_bytes(path.read_bytes() + b"info" + struct.pack(">q", 5000) + bytes(5000))
    assert_whole(path, None)


def test_a_big_endian_wav_file_is_read_to_its_end(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SAMPLES, RATE_HZ, subtype="PCM_16", endian="BIG")
    assert_whole(patched(tmp_path / "a.wav", b"data", 4, struct.pack(">I", 9000)), "more sound")


@pytest.mark.parametrize("declared", [None, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_correct_or_unknown_length_gives_no_warning(tmp_path: Path, declared: int | None) -> None:
    path = write(tmp_path / "a.wav")
    if declared is not None:
        patched(path, b"data", 4, struct.pack("<I", declared))
    assert_whole(path, None)


@pytest.mark.parametrize("after", [GUANO, b"\0" + GUANO, GUANO * 1000, b"TAG" + bytes(125), bytes(4000)])
def test_data_after_the_samples_is_not_sound(tmp_path: Path, after: bytes) -> None:
    path = write(tmp_path / "a.wav", subtype="PCM_U8")
    patched(path, b"data", 4, struct.pack("<I", len(SAMPLES) - after.startswith(b"\0g")))
    path.write_bytes(path.read_bytes() + (after[1:] if after.startswith(b"\0g") else after))
    heard, warnings = read(path)
    assert abs(len(heard) - len(SAMPLES)) <= 1
    assert warnings == []


@pytest.mark.parametrize("declared", [20_000, 0xFFFF_FFFF])
def test_a_wav_file_above_4_gib_is_read_to_its_end(tmp_path: Path, declared: int) -> None:
    path = write(tmp_path / "a.wav", samples=SAMPLES[:0])
    patched(path, b"data", 4, struct.pack("<I", declared))
    data_bytes = (1 << 32) + 20_000
    with path.open("r+b") as file:  # sparse
        file.seek(44 + data_bytes - 2)
        file.write(struct.pack("<h", 16_384))
        file.write(GUANO if declared == 20_000 else b"")
    with AudioFile(path) as whole:
        assert whole.length_samples == data_bytes // 2
        assert "more sound than its header says: 134218.4 s" in whole.warnings[0]
        whole._sounds[0].seek(whole.length_samples - 2)
        assert whole._sounds[0].read().tolist() == [0.0, 0.5]


@pytest.mark.parametrize("padding", [b"", b"\0"])
@pytest.mark.parametrize("stale", [False, True])
def test_a_chunk_of_odd_length_may_lack_its_padding(tmp_path: Path, padding: bytes, stale: bool) -> None:
    data = write(tmp_path / "a.wav").read_bytes()
    at = data.index(b"data")
    note = b"note" + struct.pack("<I", 5) + b"hello" + padding
    (tmp_path / "a.wav").write_bytes(data[:at] + note + data[at:])
    if stale:
        patched(tmp_path / "a.wav", b"data", 4, struct.pack("<I", 32_000))
    assert_whole(tmp_path / "a.wav", "more sound" if stale else None)


def test_samples_of_odd_length_may_lack_their_padding(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SAMPLES[:9999], RATE_HZ, subtype="PCM_U8")
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[: 44 + 9999] + GUANO * 500)
    heard, warnings = read(tmp_path / "a.wav")
    assert (len(heard), warnings) == (9999, [])


def flac_with_length(path: Path, samples: int, seconds: float = 3.0) -> Path:
    write(path, "FLAC", samples=np.resize(SAMPLES, round(seconds * RATE_HZ)))
    data = bytearray(path.read_bytes())
    fields = int.from_bytes(data[18:26], "big") >> 36 << 36 | samples
    data[18:26] = fields.to_bytes(8, "big")
    path.write_bytes(data)
    return path


def test_a_flac_file_of_unknown_length_is_read_to_its_end(tmp_path: Path) -> None:
    assert_whole(flac_with_length(tmp_path / "a.flac", 0), None)


@pytest.mark.parametrize("seconds", [0.1, 3.0, 40.0])
def test_a_flac_file_with_a_stale_length_is_read_to_its_end(tmp_path: Path, seconds: float) -> None:
    heard, warnings = read(flac_with_length(tmp_path / "a.flac", 1000, seconds))
    assert len(heard) == seconds * RATE_HZ
    assert "more sound than its header says" in warnings[0]


@pytest.mark.parametrize("length", [0, 4096])
def test_a_flac_file_truncated_within_a_frame_is_read_up_to_that_frame(tmp_path: Path, length: int) -> None:
    path = flac_with_length(tmp_path / "a.flac", length)
    path.write_bytes(path.read_bytes()[:-100])
    heard, warnings = read(path)
    assert len(heard) == 3 * RATE_HZ // 4096 * 4096
    np.testing.assert_allclose(heard, SAMPLES[: len(heard)], atol=2**-14)
    assert "is truncated" in warnings[-1]


def ogg(path: Path, rate_hz: int = RATE_HZ, samples: NDArray[np.float32] = SAMPLES) -> bytes:
    soundfile.write(path, samples, rate_hz, format="OGG")
    return path.read_bytes()


def test_chained_ogg_streams_are_read_as_one(tmp_path: Path) -> None:
    one, other = ogg(tmp_path / "1.ogg"), ogg(tmp_path / "2.ogg", samples=SAMPLES[:20_000])
    expected = np.concatenate([soundfile.read(tmp_path / f"{n}.ogg", dtype="float32")[0] for n in (1, 2, 1)])
    (tmp_path / "a.ogg").write_bytes(one + other + one)
    heard, warnings = read(tmp_path / "a.ogg")
    np.testing.assert_array_equal(heard, expected)
    assert warnings == []


def test_chained_ogg_streams_of_two_rates_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_bytes(ogg(tmp_path / "1.ogg") + ogg(tmp_path / "2.ogg", 22_050))
    with pytest.raises(AudioFileError, match=r"streams of 16000 Hz, 1 channel\(s\) and 22050 Hz"):
        AudioFile(tmp_path / "a.ogg")


@pytest.mark.parametrize("whole_page", [False, True])
def test_a_truncated_ogg_file_is_read_with_a_warning(tmp_path: Path, whole_page: bool) -> None:
    data = ogg(tmp_path / "a.ogg")
    last_page = data.rindex(b"OggS")
    (tmp_path / "a.ogg").write_bytes(data[: last_page + (0 if whole_page else 200)])
    heard, warnings = read(tmp_path / "a.ogg")
    assert RATE_HZ < len(heard) < 3 * RATE_HZ
    assert "a.ogg is truncated: its end is missing; the rest is read" in warnings[0]


@pytest.mark.parametrize("cut", [lambda data: data[:30], lambda data: data[: len(data) // 2]])
def test_a_file_that_ends_early_is_still_an_error(tmp_path: Path, cut: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path / "a.wav")
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(AudioFileError, match=r"damaged or truncated|not a supported"):
        read(path)


@pytest.mark.parametrize("form", [form for form in LENGTHS if form != "CAF"])  # libsndfile refuses that
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_a_file_shorter_than_its_header_says_is_an_error(tmp_path: Path, form: str, subtype: str) -> None:
    path = write(tmp_path / "a", form, subtype)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(AudioFileError, match=r"a is damaged or truncated: (1.99\d|2.00\d) of its 3.000 s"):
        read(path)


@pytest.mark.parametrize("form", ["RF64", "W64"])
def test_a_file_shorter_than_its_64_bit_length_says_is_an_error(tmp_path: Path, form: str) -> None:
    name, after, number = LENGTHS[form]
    path = patched(write(tmp_path / "a", form), name, after, struct.pack(number, 6 << 30))
    with pytest.raises(AudioFileError, match=r"a is damaged or truncated: 3.000 of its 201326.\d+ s"):
        read(path)


@pytest.mark.parametrize("form", [form for form in LENGTHS if form != "CAF"])
def test_a_length_that_the_writer_did_not_know_is_no_error(tmp_path: Path, form: str) -> None:
    name, after, number = LENGTHS[form]
    huge = 0x7F00_0000 if number[1] == "I" else 0x7FFF_FFFF_FFFF_FFFF
    assert_whole(patched(write(tmp_path / "a", form), name, after, struct.pack(number, huge)), None)


def test_a_file_that_is_closed_twice_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "a.ogg").write_bytes(ogg(tmp_path / "1.ogg") * 3)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with AudioFile(tmp_path / "a.ogg") as file:
        next(file.blocks(100))
    file.close()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize("magic", [b"RIFF", b"riff", b"RF64", b"FORM", b".snd", b"fLaC", b"OggS"])
@pytest.mark.parametrize("size", [4, 11, 12, 13, 27, 40, 300])
def test_a_file_of_a_few_bytes_is_an_error(tmp_path: Path, magic: bytes, size: int) -> None:
    for rest in (bytes(300), b"\xff" * 300, (b"\x10\0\0\0WAVEfmt \x10\0\0\0" + b"data" * 80)):
        (tmp_path / "a.wav").write_bytes((magic + rest)[:size])
        with pytest.raises(AudioFileError):
            read(tmp_path / "a.wav")
