"""After a power cut, a mask file is complete as far as the disk has its data."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.errors import DataError
from birdedge.edge.formats.mask_npz import read_mask_file
from birdedge.edge.formats.mask_repair import repair_mask_file
from tests.support.growing_masks import SECOND, frames, grown


def test_a_complete_file_needs_no_repair(tmp_path: Path) -> None:
    file = grown(tmp_path / "live.npz", frames(3 * SECOND))
    file.close()
    before = file.path.read_bytes()
    assert not repair_mask_file(file.path)
    assert file.path.read_bytes() == before


@pytest.mark.parametrize("seed", range(20))
def test_all_but_the_last_seconds_of_a_torn_file_are_kept(tmp_path: Path, seed: int) -> None:
    mask = frames(20 * SECOND)
    file = grown(tmp_path / "live.npz", mask[: 19 * SECOND], SECOND)
    before = file.path.read_bytes()
    file.push(mask[19 * SECOND :])
    after = file.path.read_bytes()
    os.close(file._fd)
    file._fd = -1
    # The disk has some of the sectors that the last seal wrote, in any order.
    torn, rng = bytearray(after), np.random.default_rng(seed)
    for at in range(0, len(after), 512):
        if rng.random() < 0.5:
            torn[at : at + 512] = before[at : at + 512].ljust(min(512, len(after) - at), b"\0")
    file.path.write_bytes(torn[: len(before)] if seed % 3 == 0 else torn)
    repair_mask_file(file.path)
    found = read_mask_file(file.path).mask
    assert len(found) >= 17 * SECOND
    np.testing.assert_array_equal(found, mask[: len(found)])
    assert list(tmp_path.iterdir()) == [file.path]


@pytest.mark.parametrize("seed", range(400))
def test_a_damaged_byte_never_gives_an_unexpected_error(tmp_path: Path, seed: int) -> None:
    file = grown(tmp_path / "live.npz", frames(2 * SECOND))
    file.close()
    damaged, rng = bytearray(file.path.read_bytes()), np.random.default_rng(seed)
    # Most bytes are the mask itself; the header and the directory are what can go wrong in many ways.
    at = rng.integers(1300) if seed % 2 else len(damaged) - rng.integers(1, 700)
    damaged[at] = rng.integers(256)
    file.path.write_bytes(damaged)
    for read in (read_mask_file, repair_mask_file):
        with suppress(DataError):
            read(file.path)


@pytest.mark.parametrize("kept", [0, 10, 500, 1000])
def test_a_file_whose_beginning_is_missing_is_refused_and_kept(tmp_path: Path, kept: int) -> None:
    file = grown(tmp_path / "live.npz", frames(3 * SECOND))
    file.close()
    file.path.write_bytes(file.path.read_bytes()[:kept])
    with pytest.raises(DataError, match="is damaged, and its beginning is missing: delete it"):
        repair_mask_file(file.path)
    assert file.path.stat().st_size == kept
