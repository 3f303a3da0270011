"""Files that hold more or less audio than their header states, or several streams, which libsndfile does not report.

A recorder that loses power leaves the header that it wrote at the start, a program that writes to a pipe cannot return
to the header, and a 32-bit WAV length wraps at 4 GiB. libsndfile is given a corrected header with the same samples.
A copy that was interrupted ends before its declared length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from birdedge.edge.audio import flac_frames, ogg, riff
from birdedge.edge.audio.file_types import HEAD_BYTES
from birdedge.edge.audio.spliced import SplicedFile
from birdedge.edge.errors import AudioFileError

MIN_EXTRA_BYTES = 4096  # fewer bytes after the declared end are not audio
_WRAP_BYTES = 1 << 32
_UNKNOWN_64_BIT = 1 << 62  # a program that does not know a 64-bit length declares at least this one


@dataclass
class WholeFile:
    """The parts that libsndfile must read.

    Attributes:
        parts: What to read in place of the file; empty if the file itself can be read.
        declared_share: Declared length / actual length: above 1 if the end is missing; 1 if they are equal, or if the
            header states no length on purpose.
        is_cut: Whether the end of an OGG or FLAC file is missing.
    """

    parts: list[SplicedFile] = field(default_factory=list)
    declared_share: float = 1.0
    is_cut: bool = False


def whole_file(path: Path) -> WholeFile:
    """Return how a file must be read.

    Raises:
        OSError: It cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if riff.is_wav(head):
            return _whole_wav(path, file, head, size)
        readers = {
            b"FORM": _whole_aiff,
            b".snd": _whole_au,
            b"caff": _whole_caf,
            b"fLaC": _whole_flac,
            b"OggS": _whole_ogg,
        }
        reader = readers.get(head[:4])
        return reader(path, file, size) if reader and size > HEAD_BYTES else WholeFile()


def _whole_wav(path: Path, file: BinaryIO, head: bytes, size: int) -> WholeFile:
    try:
        header = riff.read_header(head, file.read)
    except AudioFileError:
        return WholeFile()  # libsndfile rejects it
    begin = file.tell()
    declared, order = header.data_bytes, ">" if header.is_big_endian else "<"
    end = _end_of_samples(file, begin, declared, size, order, head[:4] != b"riff")
    unknown = riff.UNKNOWN_DATA_BYTES if head[:4] in (b"RIFF", b"RIFX") else _UNKNOWN_64_BIT
    share = _declared_share(declared, end - begin, unknown)
    if end <= begin + declared and header.has_padding:
        return WholeFile(declared_share=share)
    if header.is_big_endian and end - begin >= _WRAP_BYTES:
        return WholeFile()
    return WholeFile([SplicedFile(path, begin, end, riff.write_header(header, end - begin))], share)


def _whole_aiff(path: Path, file: BinaryIO, size: int) -> WholeFile:
    at = HEAD_BYTES
    while at + 16 <= size:
        file.seek(at)
        name, length = struct.unpack(">4sI", file.read(8))
        if name == b"SSND":
            begin, declared = at + 16, max(0, length - 8)  # after its offset and block size
            end = _end_of_samples(file, begin, declared, size, ">", is_chunked=True)
            share = _declared_share(declared, end - begin)
            if end <= begin + declared:
                return WholeFile(declared_share=share)
            if length < 8 or end - begin + 8 >= _WRAP_BYTES:
                return WholeFile()
            file.seek(0)
            prefix = file.read(at + 4) + struct.pack(">I", end - begin + 8) + file.read(12)[4:]
            return WholeFile([SplicedFile(path, begin, end, prefix)], share)
        at += 8 + length + length % 2
    return WholeFile()


def _whole_au(path: Path, file: BinaryIO, size: int) -> WholeFile:
    file.seek(0)
    begin, declared = struct.unpack(">II", file.read(12)[4:])
    if not HEAD_BYTES <= begin < size:
        return WholeFile()
    if begin + declared + MIN_EXTRA_BYTES > size:
        return WholeFile(declared_share=_declared_share(declared, min(declared, size - begin)))
    file.seek(0)
    prefix = bytearray(file.read(begin))
    prefix[8:12] = b"\xff" * 4  # unknown
    return WholeFile([SplicedFile(path, begin, size, bytes(prefix))], declared / (size - begin))


def _whole_caf(path: Path, file: BinaryIO, size: int) -> WholeFile:
    at = 8
    while at + 12 <= size:
        file.seek(at)
        name, length = struct.unpack(">4sq", file.read(12))
        if name == b"data":
            begin = at + 16  # after its edit count
            end = _end_of_caf_samples(file, begin, max(0, length - 4), size)
            if end is None:
                return WholeFile()
            file.seek(0)
            prefix = file.read(at + 4) + struct.pack(">q", end - begin + 4) + file.read(12)[8:]
            declared_share = 1.0 if length == -1 else max(0, length - 4) / (end - begin)
            return WholeFile([SplicedFile(path, begin, end, prefix)], declared_share)
        if length < 0:
            break
        at += 12 + length
    return WholeFile()


def _end_of_caf_samples(file: BinaryIO, begin: int, declared: int, size: int) -> int | None:
    """Return where samples end that continue past their declared length, without other chunks; None if they do not."""
    at = begin + declared
    if at + MIN_EXTRA_BYTES > size:
        return None
    while at + 12 <= size:
        file.seek(at)
        name, length = struct.unpack(">4sq", file.read(12))
        if not (riff.is_chunk_name(name) and 0 <= length <= size - at - 12):
            return size
        at += 12 + length
    return None


def _whole_flac(path: Path, file: BinaryIO, size: int) -> WholeFile:
    declared, found, is_cut = flac_frames.length_samples(file, size)
    if found <= declared:
        return WholeFile()
    file.seek(0)
    prefix = flac_frames.with_length(file.read(flac_frames.HEAD_BYTES), found)
    declared_share = declared / found if declared else 1.0
    return WholeFile([SplicedFile(path, len(prefix), size, prefix)], declared_share, is_cut)


def _whole_ogg(path: Path, file: BinaryIO, size: int) -> WholeFile:
    layout = ogg.read_layout(file, size)
    parts = layout.streams if len(layout.streams) > 1 else []
    return WholeFile([SplicedFile(path, *part) for part in parts], is_cut=layout.is_cut)


def _declared_share(declared: int, actual: int, unknown: int = riff.UNKNOWN_DATA_BYTES) -> float:
    """Return declared length / actual length; 1 if the writer did not know the length."""
    return 1.0 if declared == actual or declared >= max(actual, unknown) else declared / max(1, actual)


def _end_of_samples(
    file: BinaryIO, begin: int, declared: int, size: int, order: str, is_chunked: bool
) -> int:
    """Return where samples end, which may be after or before their declared end."""
    declared_end = begin + declared
    if declared_end + MIN_EXTRA_BYTES > size:
        return min(declared_end, size)
    if not is_chunked:
        return size if begin + -(-declared // 8) * 8 + MIN_EXTRA_BYTES <= size else declared_end
    for end in range(declared_end, size, _WRAP_BYTES):
        if any(_holds_only_chunks(file, at, size, order) for at in {end, end + declared % 2}):
            return end
    return size


def _holds_only_chunks(file: BinaryIO, begin: int, size: int, order: str) -> bool:
    """Return whether whole chunks follow from here to the end of the file."""
    return begin >= size or all(_chunks_fit(file, begin, size, order))


def _chunks_fit(file: BinaryIO, at: int, size: int, order: str) -> Iterator[bool]:
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack(order + "4sI", file.read(8))
        yield riff.is_chunk_name(name) and at + 8 + length <= size
        at += 8 + length + length % 2
