"""Indexed PNG images (ISO/IEC 15948), written without an imaging library."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

COMPRESSION_LEVEL = 6


def indexed_png(pixels: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """Return a PNG file with 8 bits per pixel.

    Args:
        pixels: Indices into the palette. Shape `[rows, columns]`, the top row first.
        palette: Red, green and blue of each colour. Shape `[colours, 3]`, at most 256 colours.
    """
    height, width = pixels.shape
    bit_depth, indexed_colour = 8, 3
    header = struct.pack(">IIBBBBB", width, height, bit_depth, indexed_colour, 0, 0, 0)
    rows = np.pad(pixels, ((0, 0), (1, 0)))  # each row starts with its filter type: 0, none
    data = zlib.compress(rows.tobytes(), COMPRESSION_LEVEL)
    chunks = ((b"IHDR", header), (b"PLTE", palette.tobytes()), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in chunks)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
