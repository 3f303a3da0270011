"""Pages of an OGG file (RFC 3533): its chained streams, of which libsndfile reads the first, and whether it was cut."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

_BEGIN, _END = 2, 4  # flags of a page


@dataclass(frozen=True)
class OggLayout:
    """Where the chained streams of a file are.

    Attributes:
        streams: The offset of the first byte of each, and of the byte after its last.
        is_cut: Whether the last page is incomplete, or is not marked as the last.
    """

    streams: list[tuple[int, int]]
    is_cut: bool


def read_layout(file: BinaryIO, size: int) -> OggLayout:
    """Return the layout of a file of `size` bytes by walking its pages."""
    begins: list[int] = []
    at, flags, is_whole = 0, 0, True
    while at < size:
        file.seek(at)
        page = file.read(27)
        lengths = file.read(page[26]) if len(page) == 27 and page[:4] == b"OggS" else b""
        end = at + 27 + len(lengths) + sum(lengths)
        is_whole = bool(lengths) and end <= size
        if not is_whole:
            break
        # Several streams that play at once begin together.
        if page[5] & _BEGIN and not (begins and flags & _BEGIN):
            begins.append(at)
        at, flags = end, page[5]
    return OggLayout(list(pairwise([*begins, size])), not is_whole or not flags & _END)
