"""Headers of WAV files: RIFF, RIFX, RF64 (EBU Tech 3306), BW64 (ITU-R BS.2088) and Sony Wave64.

Chunks are read one after another, so that the file may be a pipe. A chunk of odd length that lacks its padding byte is
recognised by the name of the next chunk.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from birdedge.edge.audio.file_types import HEAD_BYTES
from birdedge.edge.errors import AudioFileError

Read = Callable[[int], bytes]  # returns fewer bytes only at the end of the file
# Programs that write to a pipe do not know the length and declare at least this one.
UNKNOWN_DATA_BYTES = 0x7EFF_0000
MAX_HEADER_BYTES = 0x400_0000  # 64 MiB of other chunks before the samples

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_SAMPLE_FORMATS = {(_PCM, 16): "s16le", (_PCM, 24): "s24le", (_PCM, 32): "s32le", (_FLOAT, 32): "f32le"}
_W64_HEAD = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"


@dataclass(frozen=True)
class WavHeader:
    """The content of a header; the next byte of the file is the first byte of the samples.

    Attributes:
        fmt: Content of the format chunk, in the byte order of the file.
        is_big_endian: Whether the file is RIFX.
        data_bytes: Declared length of the samples; 0, or huge, if the writer did not know it.
        has_padding: Whether each chunk of odd length has its padding byte.
    """

    fmt: bytes
    is_big_endian: bool
    data_bytes: int
    has_padding: bool

    @property
    def channels(self) -> int:
        """Values per sample."""
        return self._fields[1]

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate."""
        return self._fields[2]

    @property
    def block_bytes(self) -> int:
        """Bytes of one sample of all channels; in a compressed file, of one compressed block."""
        return self._fields[4]

    @property
    def sample_format(self) -> str | None:
        """s16le, s24le, s32le or f32le; None for other samples."""
        tag, channels, _, _, block_bytes, bits = self._fields
        if tag == _EXTENSIBLE and len(self.fmt) >= 26:
            tag = struct.unpack_from("<H", self.fmt, 24)[0]
        is_packed = block_bytes * 8 == bits * channels
        return _SAMPLE_FORMATS.get((tag, bits)) if is_packed and not self.is_big_endian else None

    @property
    def _fields(self) -> tuple[int, int, int, int, int, int]:
        tag, channels, rate_hz, bytes_per_s, block_bytes, bits = struct.unpack_from(
            ">HHIIHH" if self.is_big_endian else "<HHIIHH", self.fmt
        )
        return tag, channels, rate_hz, bytes_per_s, block_bytes, bits


def is_wav(head: bytes) -> bool:
    """Return whether a file that begins with these HEAD_BYTES is WAV."""
    return (head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE") or head[
        :HEAD_BYTES
    ] == _W64_HEAD[:HEAD_BYTES]


def is_chunk_name(name: bytes) -> bool:
    """Return whether these bytes can be the name of a chunk."""
    return len(name) == 4 and all(0x20 <= byte < 0x7F for byte in name)


def read_header(head: bytes, read: Read) -> WavHeader:
    """Read a header up to the first byte of the samples.

    Args:
        head: The first HEAD_BYTES, for which `is_wav` holds.
        read: Returns the next bytes.

    Raises:
        AudioFileError: The file ends before its samples, or has no format.
    """
    if head[:4] == b"riff":
        return _read_w64(read)
    order = ">" if head[:4] == b"RIFX" else "<"
    fmt, ds64, has_padding = b"", b"", True
    skipped_bytes, ahead = 0, b""
    while True:
        begin = _exactly(read, 8 - len(ahead), ahead)
        name, length = begin[:4], struct.unpack(order + "I", begin[4:])[0]
        if name == b"data":
            break
        skipped_bytes += length
        if skipped_bytes > MAX_HEADER_BYTES:
            raise AudioFileError(
                f"the WAV header has a chunk of {length} bytes before its samples: it is damaged"
            )
        content = _exactly(read, length)
        if name == b"fmt ":
            fmt = content
        elif name == b"ds64":
            ds64 = content
        ahead = b""
        if length % 2:
            padding = _exactly(read, 1)
            if padding != b"\0":  # no chunk's name begins with it
                follows = _exactly(read, 4)
                is_padded = is_chunk_name(follows) and not is_chunk_name((padding + follows)[:4])
                ahead = follows if is_padded else padding + follows
                has_padding &= is_padded
    if len(fmt) < 16:
        raise AudioFileError("the WAV header has no format: it is damaged")
    if len(ds64) >= 16 and length == 0xFFFF_FFFF:
        length = struct.unpack_from("<Q", ds64, 8)[0]
    return WavHeader(fmt, order == ">", length, has_padding)


def write_header(header: WavHeader, data_bytes: int) -> bytes:
    """Return a header with only a format and this length; RF64 from 4 GiB on."""
    order, magic = (">", b"RIFX") if header.is_big_endian else ("<", b"RIFF")
    fmt = struct.pack(order + "4sI", b"fmt ", len(header.fmt)) + header.fmt + b"\0" * (len(header.fmt) % 2)
    riff_bytes = 4 + len(fmt) + 8 + data_bytes
    if riff_bytes <= 0xFFFF_FFFF:
        return (
            struct.pack(order + "4sI4s", magic, riff_bytes, b"WAVE")
            + fmt
            + struct.pack(order + "4sI", b"data", data_bytes)
        )
    sizes = riff_bytes + 36, data_bytes, data_bytes // max(1, header.block_bytes), 0
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, *sizes)
    return (
        struct.pack("<4sI4s", b"RF64", 0xFFFF_FFFF, b"WAVE")
        + ds64
        + fmt
        + struct.pack("<4sI", b"data", 0xFFFF_FFFF)
    )


def _read_w64(read: Read) -> WavHeader:
    _exactly(read, 28)  # the rest of two names, and the length of the file
    fmt = b""
    while True:
        begin = _exactly(read, 24)
        length = struct.unpack("<Q", begin[16:])[0]  # including these 24 bytes
        if begin[:4] == b"data":
            break
        if not 24 <= length <= MAX_HEADER_BYTES:
            raise AudioFileError(f"the Wave64 header has a chunk of {length} bytes: it is damaged")
        content = _exactly(read, -(-length // 8) * 8 - 24)
        if begin[:4] == b"fmt ":
            fmt = content[: length - 24]
    if len(fmt) < 16:
        raise AudioFileError("the Wave64 header has no format: it is damaged")
    return WavHeader(fmt, is_big_endian=False, data_bytes=max(0, length - 24), has_padding=True)


def _exactly(read: Read, length: int, ahead: bytes = b"") -> bytes:
    data = read(length)
    if len(data) < length:
        raise AudioFileError("the WAV header ends before its samples: the file is truncated")
    return ahead + data
