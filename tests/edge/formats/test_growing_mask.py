"""The mask file of a live stream is complete at every second."""

from __future__ import annotations

import signal
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.errors import DataError, OutputError
from birdedge.edge.formats.growing_mask import GrowingMaskFile
from birdedge.edge.formats.growing_zip import _joined_crc
from birdedge.edge.formats.mask_npz import MaskFile, read_mask_file
from birdedge.edge.formats.mask_repair import repair_mask_file
from tests.support.commands import ENVIRONMENT, ROOT
from tests.support.disks import no_room
from tests.support.growing_masks import FIELDS, SECOND, frames, grown


@pytest.mark.parametrize("piece", [1, 32, 125, 999])
def test_it_holds_the_same_arrays_as_a_mask_file(tmp_path: Path, piece: int) -> None:
    mask = frames(999)
    grown(tmp_path / "new" / "live.npz", mask, piece).close()
    with MaskFile(tmp_path / "archive.npz", **FIELDS) as archive:
        archive.push(mask)
    with np.load(tmp_path / "new" / "live.npz") as live, np.load(tmp_path / "archive.npz") as expected:
        assert sorted(live) == sorted(expected)
        for name in expected:
            assert live[name].dtype == expected[name].dtype
            np.testing.assert_array_equal(live[name], expected[name])


def test_it_is_complete_after_each_second(tmp_path: Path) -> None:
    mask = frames(20 * SECOND)
    file = GrowingMaskFile(tmp_path / "live.npz", **FIELDS)
    assert read_mask_file(file.path).mask.shape == (0, 256)
    for start in range(0, len(mask), SECOND):
        file.push(mask[start : start + SECOND])
        np.testing.assert_array_equal(read_mask_file(file.path).mask, mask[: start + SECOND])
    file.close()
    file.close()
    assert read_mask_file(file.path).threshold == 0.55


def test_it_is_a_valid_zip_file_for_other_programs(tmp_path: Path) -> None:
    file = grown(tmp_path / "live.npz", frames(10 * SECOND))
    done = subprocess.run(
        [sys.executable, "-m", "zipfile", "--test", file.path], capture_output=True, check=True
    )
    assert done.stdout.strip() == b"Done testing"
    file.close()


def test_the_rate_may_change_until_the_end(tmp_path: Path) -> None:
    file = grown(tmp_path / "live.npz", frames(3 * SECOND))
    file.hop_s = 0.00801
    file.close()
    assert read_mask_file(file.path).hop_s == 0.00801


def test_skipped_frames_are_empty(tmp_path: Path) -> None:
    file = grown(tmp_path / "live.npz", frames(10))
    file.frames += 70_000
    file.push(frames(5))
    file.frames += 3
    file.close()
    mask = read_mask_file(file.path).mask
    np.testing.assert_array_equal(mask[70_010:-3], frames(5))
    assert len(mask) == 70_018
    assert not mask[10:70_010].any()
    assert not mask[-3:].any()


def test_an_earlier_file_is_kept(tmp_path: Path) -> None:
    for count in (1, 2, 3):
        grown(tmp_path / "live.npz", frames(count)).close()
    lengths = {path.name: len(read_mask_file(path).mask) for path in tmp_path.iterdir()}
    assert lengths == {"live.npz": 1, "live-2.npz": 2, "live-3.npz": 3}


def test_after_a_full_disk_later_frames_keep_their_times(tmp_path: Path) -> None:
    mask = frames(60 * SECOND)
    file = grown(tmp_path / "live.npz", mask[: 10 * SECOND])
    pushed = 10 * SECOND
    with no_room(file.path.stat().st_size + 3000):
        for start in range(pushed, 50 * SECOND, 32):
            pushed = min(start + 32, 50 * SECOND)
            with suppress(OutputError):  # there is room again and again, for a few bytes
                file.push(mask[start:pushed])
        with pytest.raises(OutputError, match=r"live\.npz cannot be written"):
            file.push(np.full((1000, 256), 77, np.uint8) * frames(1000))
        file.frames -= 1000
    file.push(mask[pushed:])
    file.close()
    found = read_mask_file(file.path).mask
    assert len(found) == len(mask)
    np.testing.assert_array_equal(found[: 10 * SECOND], mask[: 10 * SECOND])
    np.testing.assert_array_equal(found[pushed:], mask[pushed:])
    lost = (found != mask).any(axis=1)
    assert lost.any()
    assert not found[lost].any()


def test_memory_does_not_grow_with_the_stream(tmp_path: Path) -> None:
    piece = frames(1000)
    tracemalloc.start()
    with GrowingMaskFile(tmp_path / "live.npz", **FIELDS) as file:
        for _ in range(100):
            file.push(piece)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 3_000_000


def test_a_killed_process_leaves_a_complete_file(tmp_path: Path) -> None:
    writer = f"""
import numpy as np
from pathlib import Path
from tests.support.growing_masks import FIELDS, frames
from birdedge.edge.formats.growing_mask import GrowingMaskFile
file, mask = GrowingMaskFile(Path({str(tmp_path / "live.npz")!r}), **FIELDS), frames(125)
while True:
    file.push(mask)
    print(file.frames, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", writer], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        for _ in range(50):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    repair_mask_file(tmp_path / "live.npz")
    mask = read_mask_file(tmp_path / "live.npz").mask
    assert len(mask) >= last - 2 * SECOND
    assert all(np.array_equal(mask[at : at + SECOND], frames(SECOND)) for at in range(0, len(mask), SECOND))


@pytest.mark.parametrize("shape", [(256,), (3, 255), (1, 3, 256)])
def test_a_mask_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"was pushed: give \[frames, 256\]"):
        GrowingMaskFile(tmp_path / "live.npz", **FIELDS).push(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("length", [0, 1, 7, 1000, 123_457])
def test_the_combined_crc_of_two_pieces_equals_that_of_the_whole(length: int) -> None:
    first, second = b"beginning", np.random.default_rng(1).bytes(length)
    assert _joined_crc(zlib.crc32(first), zlib.crc32(second), length) == zlib.crc32(first + second)


def test_more_than_four_gigabytes_use_64_bit_sizes(tmp_path: Path) -> None:
    file = GrowingMaskFile(tmp_path / "live.npz", **FIELDS)
    file.frames = (5 << 30) // 256
    file._append_zeros(1000)
    file._zip.size_bytes = file.frames * 256  # as if all were appended: five gigabytes of zeros take a minute
    file._appended_frames = file.frames
    file._seal()
    with zipfile.ZipFile(file.path) as npz:
        assert npz.getinfo("mask.npy").file_size == 5 << 30 | 128
