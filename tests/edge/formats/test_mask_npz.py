"""Mask files: exact bytes from pieces of any length, complete or absent."""

from __future__ import annotations

import resource
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.errors import DataError, OutputError
from birdedge.edge.formats.mask_npz import MaskFile, read_mask_file
from birdedge.edge.mask import mask_bytes
from tests.support.growing_masks import FIELDS


def probabilities(frames: int, bins: int = 256) -> NDArray[np.float32]:
    print("seed 5")
    return np.random.default_rng(5).random((frames, bins), dtype=np.float32)


def test_a_probability_rounds_to_the_nearest_byte_and_a_tie_to_the_even_one() -> None:
    halves = np.array([0.0, 0.5 / 255, 1.5 / 255, 2.5 / 255, 0.5, 1.0], dtype=np.float32)
    assert (255 * halves).tolist() == [0.0, 0.5, 1.5, 2.5, 127.5, 255.0]
    assert mask_bytes(halves).tolist() == [0, 0, 2, 2, 128, 255]


def test_every_byte_survives_a_round_trip_through_its_probability() -> None:
    every = np.arange(256, dtype=np.uint8)
    assert np.array_equal(mask_bytes(every.astype(np.float32) / np.float32(255)), every)


def test_numpy_reads_the_fields_and_types_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "new" / "dawn.npz"
    with MaskFile(path, **FIELDS) as file:
        file.push(probabilities(10))
    with np.load(path) as npz:
        arrays = dict(npz)
    mask = arrays.pop("mask")
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, np.round(255 * probabilities(10)))
    assert {name: (value.dtype.str, value.shape, float(value)) for name, value in arrays.items()} == {
        name: ("<f8", (), value) for name, value in FIELDS.items()
    }
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("piece", [1, 17, 99, 100, 101])
@pytest.mark.parametrize("bytes_first", [False, True])
def test_pieces_of_any_length_give_the_same_mask(tmp_path: Path, piece: int, bytes_first: bool) -> None:
    whole = probabilities(100)
    with MaskFile(tmp_path / "dawn.npz", **FIELDS) as file:
        for start in range(0, 100, piece):
            part = whole[start : start + piece]
            file.push(mask_bytes(part) if bytes_first else part)
        file.push(whole[:0])
    assert file.frames == 100
    assert np.array_equal(read_mask_file(tmp_path / "dawn.npz").mask, mask_bytes(whole))


def test_a_transposed_view_is_written_in_row_order(tmp_path: Path) -> None:
    whole = mask_bytes(probabilities(256, bins=100)).T
    with MaskFile(tmp_path / "dawn.npz", **FIELDS) as file:
        file.push(whole)
    assert np.array_equal(read_mask_file(tmp_path / "dawn.npz").mask, whole)


@pytest.mark.parametrize("bins", [256, 80])
def test_a_recording_without_frames_has_an_empty_mask(tmp_path: Path, bins: int) -> None:
    MaskFile(tmp_path / "dawn.npz", **FIELDS, bins=bins).close()
    masks = read_mask_file(tmp_path / "dawn.npz")
    assert masks.mask.shape == (0, bins)
    assert {name: getattr(masks, name) for name in FIELDS} == FIELDS


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    piece = np.zeros((1000, 256), dtype=np.uint8)
    tracemalloc.start()
    with MaskFile(tmp_path / "dawn.npz", **FIELDS) as file:
        for _ in range(100):  # 25.6 MB
            file.push(piece)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 6_000_000


def test_an_error_leaves_the_earlier_file_and_no_partial_file(tmp_path: Path) -> None:
    path = tmp_path / "dawn.npz"
    with MaskFile(path, **FIELDS) as file:
        file.push(probabilities(3))

    def interrupted() -> None:
        with MaskFile(path, **FIELDS) as file:
            file.push(probabilities(7))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert read_mask_file(path).mask.shape == (3, 256)
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_close_does_nothing(tmp_path: Path) -> None:
    file = MaskFile(tmp_path / "dawn.npz", **FIELDS)
    file.close()
    file.path.unlink()
    file.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file, not a folder")
    with pytest.raises(OutputError, match=r"dawn\.npz cannot be written \(File exists\): name a folder"):
        MaskFile(tmp_path / "out" / "dawn.npz", **FIELDS)


def test_a_full_disk_is_an_output_error_and_later_frames_keep_their_times(tmp_path: Path) -> None:
    whole = probabilities(30)
    path = tmp_path / "dawn.npz"
    file = MaskFile(path, **FIELDS)
    file.push(whole[:10])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The next push is cut within a frame.
    resource.setrlimit(resource.RLIMIT_FSIZE, (11 * 256 + 7, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            file.push(whole[10:20])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    file.push(whole[20:21])
    file.close()
    whole[10:20] = 0
    assert np.array_equal(read_mask_file(path).mask, mask_bytes(whole[:21]))


def test_a_disk_that_is_full_at_the_end_leaves_no_file(tmp_path: Path) -> None:
    file = MaskFile(tmp_path / "dawn.npz", **FIELDS)
    file.push(probabilities(30))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError, match="cannot be written"):
            file.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(256,), (3, 255), (1, 3, 256)])
def test_a_mask_of_another_shape_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"was pushed: give \[frames, 256\]"):
        MaskFile(tmp_path / "dawn.npz", **FIELDS).push(np.zeros(shape, np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.01, 1.01])
def test_a_value_that_is_not_a_probability_is_refused(value: float) -> None:
    with pytest.raises(DataError, match=r"NaN or outside 0\.\.1"):
        mask_bytes(np.array([[0.5, value]], dtype=np.float32))


GOOD: dict[str, Any] = {"mask": np.zeros((4, 256), np.uint8), **FIELDS}
MALFORMED: dict[str, dict[str, Any]] = {
    "mask is missing": {name: value for name, value in GOOD.items() if name != "mask"},
    "threshold is missing": {name: value for name, value in GOOD.items() if name != "threshold"},
    "mask is float32 of shape (4, 256), not uint8 [frames, bins]": GOOD
    | {"mask": np.zeros((4, 256), np.float32)},
    "mask is uint8 of shape (4,), not uint8 [frames, bins]": GOOD | {"mask": np.zeros(4, np.uint8)},
    "hop_s is 0.0, not above 0": GOOD | {"hop_s": 0.0},
    "low_hz is not one finite number": GOOD | {"low_hz": np.nan},
    "first_frame_s is not one finite number": GOOD | {"first_frame_s": [0.0, 1.0]},
    "bin_hz is not one finite number": GOOD | {"bin_hz": "62.5"},
    "threshold is 1.5, not within 0..1": GOOD | {"threshold": 1.5},
}


@pytest.mark.parametrize("problem", MALFORMED)
def test_the_error_for_a_malformed_file_says_what_is_wrong(tmp_path: Path, problem: str) -> None:
    path = tmp_path / "dawn.npz"
    np.savez(path, **MALFORMED[problem])
    with pytest.raises(DataError) as caught:
        read_mask_file(path)
    assert str(caught.value) == f"mask file {path} is malformed: {problem}; write it again with --masks"


def test_a_mask_file_written_by_numpy_is_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "dawn.npz", **GOOD)
    assert read_mask_file(tmp_path / "dawn.npz").bin_hz == 62.5


def test_a_missing_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.npz does not exist: give a file that --masks wrote"):
        read_mask_file(tmp_path / "none.npz")


@pytest.mark.parametrize("kept", [0, 10, 500, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "dawn.npz"
    with MaskFile(path, **FIELDS) as file:
        file.push(probabilities(10))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="is damaged or not a mask file"):
        read_mask_file(path)


def test_a_flipped_byte_and_a_pickle_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "dawn.npz"
    with MaskFile(path, **FIELDS) as file:
        file.push(probabilities(10))
    data = bytearray(path.read_bytes())
    data[1000] ^= 255
    path.write_bytes(data)
    with pytest.raises(DataError, match="is damaged or not a mask file"):
        read_mask_file(path)
    np.savez(path, **GOOD | {"mask": np.array([{}], dtype=object)})
    with pytest.raises(DataError, match="is damaged or not a mask file"):
        read_mask_file(path)
