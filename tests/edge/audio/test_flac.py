"""The length of a FLAC file is right at any moment, and marked as unknown if it does not fit the header."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from birdedge.edge.audio.flac import LENGTH_OFFSET, FlacEncoder


def streaminfo(writes: list[tuple[int, bytes]]) -> tuple[int, int, int, int]:
    """Return sample rate, channels, bits and number of samples, as the last write sets them."""
    data = [data for offset, data in writes if offset == LENGTH_OFFSET][-1]
    (packed,) = struct.unpack(">Q", data)
    return packed >> 44, (packed >> 41 & 7) + 1, (packed >> 36 & 31) + 1, packed & (1 << 36) - 1


@pytest.mark.parametrize(
    ("before", "known"), [(0, True), ((1 << 36) - 9216, True), (1 << 36, False), (5 << 36, False)]
)
def test_more_samples_than_fit_in_36_bits_change_no_other_field(before: int, known: bool) -> None:
    encoder = FlacEncoder(48_000, 2)
    block = np.zeros((9216, 2), np.int16)
    first = encoder.encode(block)
    encoder._samples = before
    for writes in (encoder.encode(block[:5000]), [*encoder.encode(block[:4000]), *encoder.close()]):
        assert streaminfo([*first, *writes])[:3] == (48_000, 2, 16)
    assert streaminfo(writes)[3] == (before + 9000 if known else 0)
