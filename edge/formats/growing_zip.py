"""A ZIP archive whose last member grows, and which is complete each time it is sealed.

The members before it have a fixed size, and so does the beginning of the last one: each seal rewrites them in place.
The rest of the last member is one DEFLATE stream (RFC 1951), which each seal ends at a byte boundary and later data
continues from there; the directory after it is overwritten. Layout: PKWARE's APPNOTE 6.3, with 64-bit sizes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final

LOCAL: Final = struct.Struct("<4s5H3I2H")
CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
END64: Final = struct.Struct("<4sQ2H2I4Q")
LOCATOR64: Final = struct.Struct("<4sIQI")
END: Final = struct.Struct("<4s4H2IH")
SIZES64: Final = struct.Struct("<2H2Q")
VERSION, STORED, DEFLATED = 45, 0, 8
DATE = 1 << 5 | 1  # 1980-01-01
LAST_BLOCK = b"\x03\x00"  # an empty block that ends the stream
MANY = 0xFFFFFFFF  # the size is in the 64-bit field
POLYNOMIAL = 0xEDB88320  # of CRC-32, bits reversed


class GrowingZip:
    """The bytes of a growing archive, for a caller that writes them.

    Args:
        name: Name of the growing member.

    Attributes:
        size_bytes: Size of the growing member, without its beginning.
    """

    def __init__(self, name: str) -> None:
        self.size_bytes = 0
        self._name = name.encode()
        self._deflate = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = 0
        self._packed_bytes = 0

    def append(self, data: bytes) -> bytes:
        """Return the bytes to append to the file for more data of the last member."""
        self.size_bytes += len(data)
        self._crc = zlib.crc32(data, self._crc)
        return self._packed(self._deflate.compress(data))

    def flush(self) -> bytes:
        """Return the bytes to append to the file before it is sealed."""
        return self._packed(self._deflate.flush(zlib.Z_SYNC_FLUSH))

    def sealed(self, members: Mapping[str, bytes], beginning: bytes) -> tuple[bytes, bytes]:
        """Return the beginning of the file, whose length never changes, and the bytes after the appended data.

        Args:
            members: The other members by name.
            beginning: The beginning of the last member, before all appended data.
        """
        head, directory = b"", b""
        for name, data in members.items():
            entry, record = _records(name.encode(), STORED, zlib.crc32(data), len(data), len(data), len(head))
            head, directory = head + entry + data, directory + record
        crc = _joined_crc(zlib.crc32(beginning), self._crc, self.size_bytes)
        block = struct.pack("<B2H", 0, len(beginning), len(beginning) ^ 0xFFFF) + beginning
        packed_bytes = len(block) + self._packed_bytes + len(LAST_BLOCK)
        size_bytes = len(beginning) + self.size_bytes
        entry, record = _records(self._name, DEFLATED, crc, packed_bytes, size_bytes, len(head))
        head, directory = head + entry + block, directory + record
        count, at = len(members) + 1, len(head) + self._packed_bytes + len(LAST_BLOCK)
        end64 = END64.pack(
            b"PK\6\6", END64.size - 12, VERSION, VERSION, 0, 0, count, count, len(directory), at
        )
        locator = LOCATOR64.pack(b"PK\6\7", 0, at + len(directory), 1)
        end = END.pack(b"PK\5\6", 0, 0, count, count, len(directory), min(at, MANY), 0)
        return head, LAST_BLOCK + directory + end64 + locator + end

    def _packed(self, data: bytes) -> bytes:
        self._packed_bytes += len(data)
        return data


def _records(
    name: bytes, method: int, crc: int, packed_bytes: int, size_bytes: int, offset: int
) -> tuple[bytes, bytes]:
    """Return the header of a member and its record in the directory."""
    sizes = SIZES64.pack(1, 16, size_bytes, packed_bytes)
    about = VERSION, 0, method, 0, DATE, crc, MANY, MANY, len(name), len(sizes)
    local = LOCAL.pack(b"PK\3\4", *about)
    central = CENTRAL.pack(b"PK\1\2", VERSION, *about, 0, 0, 0, 0, offset)
    return local + name + sizes, central + name + sizes


def _joined_crc(first: int, second: int, second_bytes: int) -> int:
    """Return the CRC-32 of two joined pieces from their CRCs: the first is shifted by the length of the second."""
    power, square = 1 << 31, 1 << 23  # x ** 0 and x ** 8, bits reversed
    while second_bytes:
        if second_bytes & 1:
            power = _product(power, square)
        square = _product(square, square)
        second_bytes >>= 1
    return _product(first, power) ^ second


def _product(first: int, second: int) -> int:
    """Return the product of two polynomials modulo the CRC-32 polynomial."""
    product = 0
    for bit in range(31, -1, -1):
        if first >> bit & 1:
            product ^= second
        second = second >> 1 ^ (POLYNOMIAL if second & 1 else 0)
    return product
