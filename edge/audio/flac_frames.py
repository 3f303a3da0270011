"""The length of a FLAC file from its last frame (RFC 9639), for headers that state none or one that is too short."""

from __future__ import annotations

from typing import BinaryIO

_LENGTH = slice(21, 26)  # its last 36 bits are the length, in the first metadata block
HEAD_BYTES = 26
_TAIL_BYTES = 0x4_0000  # more than two frames
_BLOCK_SAMPLES = {1: 192, **{n: 576 << n - 2 for n in range(2, 6)}, **{n: 256 << n - 8 for n in range(8, 16)}}
_RATE_BYTES = {12: 1, 13: 2, 14: 2}


def length_samples(file: BinaryIO, size: int) -> tuple[int, int, bool]:
    """Return the length in the header, the length up to the last whole frame, and whether a truncated frame follows.

    A header of unknown length states 0. A frame counts if another one ends where it begins, because a few bytes of
    audio may look like a frame.
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return 0, 0, False
    declared = int.from_bytes(head[_LENGTH], "big") & (1 << 36) - 1
    block_samples = int.from_bytes(head[8:10], "big")  # of a file whose frames are numbered
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read()
    later: dict[
        int, tuple[int, int]
    ] = {}  # by the first sample of a frame: the sample after its last, and the offset of its first byte
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        frame = _frame(tail[at : at + 16], block_samples)
        if frame is not None:
            begin, end = frame
            if end in later:
                last_end, last_at = later[end]
                is_whole = last_end <= declared or _crc16(tail[last_at:]) == 0
                return declared, last_end if is_whole else end, not is_whole
            later[begin] = end, at
    end, at = later.get(0, (0, 0))  # a file of one frame
    is_whole = end <= declared or _crc16(tail[at:]) == 0
    return declared, end if is_whole else 0, not is_whole


def with_length(head: bytes, samples: int) -> bytes:
    """Return the first HEAD_BYTES of a file with another length."""
    fields = int.from_bytes(head[_LENGTH], "big") >> 36 << 36 | samples
    return head[: _LENGTH.start] + fields.to_bytes(5, "big")


def _frame(header: bytes, block_samples: int) -> tuple[int, int] | None:
    """Return the first sample of the frame with this header, and the one after its last; None if it is not a frame."""
    header = header.ljust(16, b"\0")
    size_code, rate_code = header[2] >> 4, header[2] & 15
    ones = next((n for n in range(8) if not header[4] << n & 0x80), 8)
    if header[1] & 0xFE != 0xF8 or header[3] & 1 or not size_code or rate_code == 15 or ones in (1, 8):
        return None
    at = 4 + max(1, ones)
    number = header[4] & (0x7F if not ones else (1 << 7 - ones) - 1)
    for byte in header[5:at]:
        number = number << 6 | byte & 0x3F
    size_bytes = {6: 1, 7: 2}.get(size_code, 0)
    samples = _BLOCK_SAMPLES.get(size_code) or int.from_bytes(header[at : at + size_bytes], "big") + 1
    at += size_bytes + _RATE_BYTES.get(rate_code, 0)
    if at >= len(header) or _crc8(header[:at]) != header[at]:
        return None
    first = number if header[1] & 1 else number * block_samples
    return first, first + samples


def _crc8(data: bytes) -> int:
    return _crc(data, 8, 0x07)


def _crc16(data: bytes) -> int:
    """Return 0 for a whole frame, which ends with the checksum of the rest."""
    return _crc(data, 16, 0x8005)


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    crc, top = 0, 1 << bits - 1
    for byte in data:
        crc ^= byte << bits - 8
        for _ in range(8):
            crc = (crc << 1 ^ (polynomial if crc & top else 0)) & (1 << bits) - 1
    return crc
