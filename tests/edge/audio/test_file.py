"""Audio files stream the samples that soundfile reads at once; unusable ones raise an error that gives the cause."""

import os
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.audio.file import AudioFile
from birdedge.edge.errors import AudioFileError, AudioFileMissingError, SettingsError


def write_noise(path, samples=44_100, channels=2, rate_hz=44_100, subtype=None):
    random = np.random.default_rng(5)
    soundfile.write(path, random.uniform(-0.5, 0.5, (samples, channels)), rate_hz, subtype=subtype)
    return path


def with_data_bytes(path, declared_bytes):
    """Set the data length in a WAV header, as in files written to a pipe and truncated recordings."""
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack("<I", declared_bytes)
    path.write_bytes(content)
    return path


def read_all(path, block_samples=4096):
    """Return the number of decoded samples, and the message of the error that ended decoding."""
    decoded_samples = 0
    with AudioFile(path) as recording:
        try:
            for block in recording.blocks(block_samples):
                decoded_samples += len(block)
        except AudioFileError as error:
            return decoded_samples, str(error)
    return decoded_samples, None


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("block_samples", [509, 44_099, 44_100, 44_101])
def test_concatenated_blocks_are_the_whole_file(tmp_path, suffix, block_samples):
    path = write_noise(tmp_path / f"a.{suffix}")
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    with AudioFile(path) as recording:
        assert (recording.sample_rate_hz, recording.channels, recording.length_samples) == (44_100, 2, 44_100)
        for _ in range(2):  # each call starts from the beginning
            blocks = list(recording.blocks(block_samples))
            assert [len(block) for block in blocks[:-1]] == [block_samples] * (len(blocks) - 1)
            np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_a_mono_file_of_one_sample_is_read(tmp_path):
    with AudioFile(write_noise(tmp_path / "a.wav", samples=1, channels=1)) as recording:
        assert [block.shape for block in recording.blocks()] == [(1, 1)]


def test_the_file_is_closed_after_the_with_statement(tmp_path):
    path = write_noise(tmp_path / "a.wav")
    with AudioFile(path) as recording:
        next(recording.blocks(10))
    recording.close()
    with pytest.raises(soundfile.SoundFileRuntimeError, match="closed file"):
        next(recording.blocks(10))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(AudioFileMissingError, match=r"absent\.wav does not exist"):
        AudioFile(tmp_path / "absent.wav")


def test_a_directory_is_an_error(tmp_path):
    with pytest.raises(AudioFileError, match="is a directory"):
        AudioFile(tmp_path)


def test_a_pipe_is_an_error_and_does_not_block(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioFileError, match=r"pipe\.wav is not a regular file"):
        AudioFile(tmp_path / "pipe.wav")


def test_a_file_without_permission_is_an_error():
    with tempfile.TemporaryDirectory() as name:  # every user may enter it, unlike the folders of pytest
        Path(name).chmod(0o755)
        path = write_noise(Path(name) / "a.wav")
        path.chmod(0)
        if os.geteuid() == 0:  # root can read it anyway, so become nobody
            os.seteuid(65534)
        try:
            with pytest.raises(AudioFileError, match=r"cannot be read \(Permission denied\)"):
                AudioFile(path)
        finally:
            if os.getuid() == 0:
                os.seteuid(0)


@pytest.mark.parametrize("name", ["notes.txt", "notes.wav", "notes.mp3", "notes.raw"])
def test_a_file_that_is_not_audio_is_an_error(tmp_path, name):
    path = tmp_path / name
    path.write_text("heard a wren this morning, 6 am\n" * 20, encoding="utf-8")
    with pytest.raises(
        AudioFileError, match=f"{name} is not a supported audio file: give WAV, FLAC, OGG or MP3"
    ):
        AudioFile(path)


def test_an_empty_file_is_an_error(tmp_path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(AudioFileError, match=r"a\.wav is empty \(0 bytes\)"):
        AudioFile(tmp_path / "a.wav")


def test_a_file_without_samples_is_an_error(tmp_path):
    path = write_noise(tmp_path / "a.wav", samples=0)
    with pytest.raises(AudioFileError, match=r"a\.wav contains no samples"):
        AudioFile(path)


@pytest.mark.parametrize("rate_hz", [7_999, 384_001])
def test_a_sample_rate_out_of_range_is_an_error(tmp_path, rate_hz):
    with pytest.raises(AudioFileError, match=f"{rate_hz} Hz: 8000 to 384000 Hz are supported"):
        AudioFile(write_noise(tmp_path / "a.wav", rate_hz=rate_hz))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_an_error_that_states_their_time(tmp_path, bad):
    values = np.zeros((44_100, 2))
    values[22_050:, 1] = bad
    soundfile.write(tmp_path / "a.wav", values, 44_100, subtype="FLOAT")
    decoded_samples, sentence = read_all(tmp_path / "a.wav", 1000)
    assert decoded_samples == 22_000
    assert "a.wav contains NaN or infinity at 0.500 s" in sentence


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3"])
def test_a_truncated_file_yields_its_samples_and_then_an_error(tmp_path, suffix):
    path = write_noise(tmp_path / f"a.{suffix}", samples=132_300)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    decoded_samples, sentence = read_all(path)
    assert 40_000 < decoded_samples < 70_000
    assert f"a.{suffix} is damaged or truncated: {decoded_samples / 44_100:.3f} of its 3.000 s" in sentence


def test_a_damaged_file_is_an_error(tmp_path):
    path = write_noise(tmp_path / "a.flac", samples=132_300)
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2000] = bytes(2000)
    path.write_bytes(content)
    decoded_samples, sentence = read_all(path)
    assert decoded_samples < 132_300
    assert f"is damaged or truncated: {decoded_samples / 44_100:.3f} of its 3.000 s" in sentence


@pytest.mark.parametrize("declared_bytes", [0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_a_wav_file_of_undeclared_length_is_read_to_its_end(tmp_path, declared_bytes):
    assert read_all(with_data_bytes(write_noise(tmp_path / "a.wav"), declared_bytes)) == (44_100, None)


def test_an_mp3_file_without_a_length_header_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.mp3"
    noise = np.random.default_rng(5).uniform(-0.5, 0.5, 44_100)
    soundfile.write(path, noise, 44_100, format="MP3", bitrate_mode="CONSTANT", compression_level=0.5)
    content = path.read_bytes()
    path.write_bytes(content[content.index(content[:2], 200) :])
    decoded_samples, sentence = read_all(path)
    assert decoded_samples >= 44_100
    assert sentence is None


def test_a_block_size_of_0_is_an_error(tmp_path):
    with (
        AudioFile(write_noise(tmp_path / "a.wav")) as recording,
        pytest.raises(SettingsError, match="blocks of 0"),
    ):
        next(recording.blocks(0))


@pytest.mark.parametrize("name", ["call.m4a", "call.MP4", "call"])
def test_a_format_that_is_not_supported_says_how_to_convert_it(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(500))
    with pytest.raises(AudioFileError, match=r"is M4A, which is not supported: .* ffmpeg -i .* call\.flac"):
        AudioFile(tmp_path / name)
