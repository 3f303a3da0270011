"""Indexed PNG images, decoded by another library."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest

from birdedge.edge.formats.png import indexed_png


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (256, 777)])
def test_another_library_decodes_the_same_colours(height: int, width: int) -> None:
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    print("seed 6")
    rng = np.random.default_rng(6)
    palette = rng.integers(0, 256, (65, 3), np.uint8)
    pixels = rng.integers(0, len(palette), (height, width), np.uint8)
    with image.open(io.BytesIO(indexed_png(pixels, palette))) as decoded:
        assert (decoded.mode, decoded.size) == ("P", (width, height))
        assert np.array_equal(np.asarray(decoded), pixels)
        assert np.array_equal(np.asarray(decoded.convert("RGB")), palette[pixels])


def test_the_chunks_follow_the_standard_with_correct_checksums() -> None:
    data = indexed_png(np.zeros((2, 3), np.uint8), np.array([[1, 2, 3]], np.uint8))
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    names, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(body),)
        names.append(body[:4])
        at += 12 + length
    assert names == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
