"""GUANO 1.0 (https://guano-md.org): what is known of a recording, in lines `Key: Value`, within the sound file itself.

In WAV the lines are the RIFF chunk `guan`, as the standard has it. For FLAC it has no rule: there they are the Vorbis
comment `comment`, which any player shows.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import soundfile

from birdedge.edge.errors import AudioFileError

CHUNK = b"guan"


def guano_text(fields: Mapping[str, str]) -> str:
    """The lines, the version first; a line break within a value becomes the two characters `\\n`."""
    escaped = {key: value.replace("\r\n", "\n").replace("\n", "\\n") for key, value in fields.items()}
    return "".join(f"{key}: {value}\n" for key, value in ({"GUANO|Version": "1.0"} | escaped).items())


def with_guano(wav: bytes, text: str) -> bytes:
    """A whole WAV file with the lines as its last chunk."""
    lines = text.encode()
    lines += b" " * (len(lines) % 2)  # the standard pads with white space
    tail = b"\0" * (len(wav) % 2) + CHUNK + struct.pack("<I", len(lines)) + lines
    return b"".join((wav[:4], struct.pack("<I", len(wav) - 8 + len(tail)), memoryview(wav)[8:], tail))


def read_guano(path: Path) -> dict[str, str]:
    """The fields of a WAV or FLAC file, in their order; none where it has no such lines.

    Raises:
        AudioFileError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(12)[:4] == b"RIFF":
                text = _chunk(file).decode("utf-8", "replace")
            else:
                with soundfile.SoundFile(path) as sound:
                    text = sound.comment
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioFileError(f"{path} cannot be read ({error}): give a WAV or FLAC file") from error
    if not text.lstrip().startswith("GUANO|Version"):
        return {}
    pairs = (line.partition(":") for line in text.split("\n") if ":" in line)
    return {key.strip(): value.strip(" \t\r\0").replace("\\n", "\n") for key, _, value in pairs}


def _chunk(file: BinaryIO) -> bytes:
    """From the first chunk on; the sound is passed over, not read."""
    while len(head := file.read(8)) == 8:
        size = struct.unpack_from("<I", head, 4)[0]
        if head[:4] == CHUNK:
            return file.read(size)
        file.seek(size + size % 2, os.SEEK_CUR)
    return b""
