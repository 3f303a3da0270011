"""GUANO lines are a valid RIFF chunk and leave the audio unchanged."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from birdedge.edge.errors import AudioFileError
from birdedge.edge.formats.guano import guano_text, read_guano, with_guano

FIELDS = {
    "Timestamp": "2026-11-23T04:15:00.250Z",
    "Note": "Wald,\nBüsche: dicht",
    "Loc Position": "47.1 -8.5",
}
SAMPLES = np.arange(-50, 51, dtype=np.int16)


def wav(subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, SAMPLES, 8000, subtype, format="WAV")
    return file.getvalue()


def chunks(data: bytes) -> dict[bytes, bytes]:
    """Return the chunks by name, read as the RIFF specification requires."""
    assert (data[:4], data[8:12], struct.unpack("<I", data[4:8])[0]) == (b"RIFF", b"WAVE", len(data) - 8)
    found, at = {}, 12
    while at < len(data):
        name, size = struct.unpack("<4sI", data[at : at + 8])
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(data)
    return found


def test_the_version_is_the_first_line_and_each_field_one_line() -> None:
    assert guano_text(FIELDS) == (
        "GUANO|Version: 1.0\nTimestamp: 2026-11-23T04:15:00.250Z\nNote: Wald,\\nBüsche: dicht\n"
        "Loc Position: 47.1 -8.5\n"
    )


@pytest.mark.parametrize("note", ["even", "odd", "ä"])
# 101 samples: an odd number of bytes except at 16 bits.
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_U8", "PCM_24"])
def test_a_wav_has_the_lines_in_its_guan_chunk_and_unchanged_audio(
    tmp_path: Path, note: str, subtype: str
) -> None:
    text = guano_text({"Note": note})
    data = with_guano(wav(subtype), text)
    found, plain = chunks(data), chunks(wav(subtype) + b"\0" * (len(wav(subtype)) % 2))
    assert found.pop(b"guan").decode().rstrip(" ") == text
    assert found == plain
    assert len(data) % 2 == 0
    path = tmp_path / "clip.wav"
    path.write_bytes(data)
    assert np.array_equal(
        soundfile.read(path, dtype="int16")[0], soundfile.read(io.BytesIO(wav(subtype)), dtype="int16")[0]
    )
    with wave.open(str(path)) as file:
        assert (file.getnframes(), file.getframerate()) == (101, 8000)


def test_fields_are_read_back_from_wav_and_flac(tmp_path: Path) -> None:
    expected = {"GUANO|Version": "1.0"} | FIELDS
    (tmp_path / "clip.wav").write_bytes(with_guano(wav(), guano_text(FIELDS)))
    assert read_guano(tmp_path / "clip.wav") == expected
    with soundfile.SoundFile(tmp_path / "clip.flac", "w", 8000, 1) as file:
        file.comment = guano_text(FIELDS)
        file.write(SAMPLES)
    assert read_guano(tmp_path / "clip.flac") == expected


def test_lines_written_by_other_programs_are_read(tmp_path: Path) -> None:
    text = "GUANO|Version:  1.0\n\nTE:  1 \r\nPET|D500X|TSens: high\n\0\0"
    (tmp_path / "clip.wav").write_bytes(with_guano(wav(), text))
    assert read_guano(tmp_path / "clip.wav") == {"GUANO|Version": "1.0", "TE": "1", "PET|D500X|TSens": "high"}


def test_a_file_without_lines_has_no_fields(tmp_path: Path) -> None:
    (tmp_path / "clip.wav").write_bytes(wav())
    assert read_guano(tmp_path / "clip.wav") == {}
    with soundfile.SoundFile(tmp_path / "clip.flac", "w", 8000, 1) as file:
        file.comment = "AudioMoth: 4.2 V"
        file.write(SAMPLES)
    assert read_guano(tmp_path / "clip.flac") == {}


def test_a_file_that_cannot_be_read_is_an_audio_file_error(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match=r"none\.wav cannot be read .* give a WAV or FLAC file"):
        read_guano(tmp_path / "none.wav")
    (tmp_path / "text.flac").write_text("no sound")
    with pytest.raises(AudioFileError, match=r"text\.flac cannot be read"):
        read_guano(tmp_path / "text.flac")
