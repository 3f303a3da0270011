"""GUANO 1.0 metadata (https://guano-md.org): lines `Key: Value` about a recording, inside its audio file.

WAV files hold the lines in the RIFF chunk `guan`, as the standard defines. The standard does not cover FLAC; FLAC
files hold them in the Vorbis comment `comment`, which players display.
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
    """Return the lines of the fields after a version line; a line break in a value becomes the characters `\\n`."""
    escaped = {key: value.replace("\r\n", "\n").replace("\n", "\\n") for key, value in fields.items()}
    return "".join(f"{key}: {value}\n" for key, value in ({"GUANO|Version": "1.0"} | escaped).items())


def with_guano(wav: bytes, text: str) -> bytes:
    """Return the bytes of a complete WAV file with `text` as its last chunk."""
    lines = text.encode()
    lines += b" " * (len(lines) % 2)  # the standard pads with spaces
    tail = b"\0" * (len(wav) % 2) + CHUNK + struct.pack("<I", len(lines)) + lines
    return b"".join((wav[:4], struct.pack("<I", len(wav) - 8 + len(tail)), memoryview(wav)[8:], tail))


def read_guano(path: Path) -> dict[str, str]:
    """Return the fields of a WAV or FLAC file in file order; empty if it has no GUANO lines.

    Raises:
        AudioFileError: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if file.read(12)[:4] == b"RIFF":
                text = _find_chunk(file).decode("utf-8", "replace")
            else:
                with soundfile.SoundFile(os.fsencode(path)) as sound:
                    text = sound.comment
    except (OSError, soundfile.LibsndfileError) as error:
        raise AudioFileError(f"{path} cannot be read ({error}): give a WAV or FLAC file") from error
    if not text.lstrip().startswith("GUANO|Version"):
        return {}
    pairs = (line.partition(":") for line in text.split("\n") if ":" in line)
    return {key.strip(): value.strip(" \t\r\0").replace("\\n", "\n") for key, _, value in pairs}


def _find_chunk(file: BinaryIO) -> bytes:
    """Return the `guan` chunk of a WAV file opened at its first chunk; other chunks are skipped unread."""
    while len(head := file.read(8)) == 8:
        size = struct.unpack_from("<I", head, 4)[0]
        if head[:4] == CHUNK:
            return file.read(size)
        file.seek(size + size % 2, os.SEEK_CUR)
    return b""
