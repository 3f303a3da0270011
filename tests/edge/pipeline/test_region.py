"""A region of the mask is cut into pieces."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.pipeline.region import NEPER_DB, Region, _basins, _merged_basins, pieces_of

Plane = NDArray[np.float32]
APART = -1  # pieces are never joined


def region(level_db: NDArray[np.float64]) -> Region:
    """Return a region with these levels in decibels; NaN is outside."""
    inside = np.isfinite(level_db)
    level = np.where(inside, level_db / NEPER_DB, 0).astype(np.float32)
    return Region(0, 0, np.where(inside, 200, 0).astype(np.uint8), level, level)


def ridge(*peaks_db: float, valley_db: float = -40.0, width: int = 12) -> NDArray[np.float64]:
    """Return consecutive sounds in one band of 12 bins, 20 frames each, with a valley between them."""
    frames = []
    for peak_db in peaks_db:
        frames += [[peak_db] * width] * 20 + [[valley_db] * width] * 20
    return np.array(frames[:-20], np.float64)


def pieces(
    level_db: NDArray[np.float64], saddle_db: float = 10.0, gap_frames: int = 4, cell_frames: int = 2
) -> list[NDArray[np.bool_]]:
    return pieces_of(region(level_db), saddle_db, gap_frames, 20.0, cell_frames)


@pytest.mark.parametrize(("valley_db", "count"), [(-9.0, 1), (-11.0, 2), (-40.0, 2)])
def test_a_region_is_cut_where_the_level_falls_by_the_saddle(valley_db: float, count: int) -> None:
    assert len(pieces(ridge(0.0, 0.0, valley_db=valley_db), gap_frames=APART)) == count


def test_the_depth_of_a_valley_is_measured_from_the_lower_peak() -> None:
    assert len(pieces(ridge(0.0, -30.0, valley_db=-39.0), gap_frames=APART)) == 1
    assert len(pieces(ridge(0.0, -30.0, valley_db=-41.0), gap_frames=APART)) == 2


def test_pieces_cover_the_region_and_do_not_overlap() -> None:
    level_db = ridge(0.0, -3.0, -6.0)
    level_db[5, :3] = level_db[50:53, 8:] = np.nan
    found = pieces(level_db)
    assert len(found) == 3
    np.testing.assert_array_equal(np.sum(found, axis=0), np.isfinite(level_db))


@pytest.mark.parametrize("gap_frames", [18, 20])
def test_frames_of_twice_the_length_in_cells_of_half_as_many_give_the_same_pieces(gap_frames: int) -> None:
    level_db = ridge(0.0, -30.0, 0.0)
    short = pieces(level_db, gap_frames=gap_frames)
    long = pieces(level_db[::2], gap_frames=gap_frames // 2, cell_frames=1)
    assert len(short) in (1, 3)
    np.testing.assert_array_equal([piece[::2] for piece in short], long)


def test_notes_in_the_same_band_in_quick_succession_are_one_piece() -> None:
    level_db = ridge(0.0, 0.0)
    assert len(pieces(level_db, gap_frames=18)) == 2
    assert len(pieces(level_db, gap_frames=20)) == 1


def test_sounds_of_different_bands_stay_apart_however_close_they_are() -> None:
    level_db = np.full((44, 40), -40.0)
    level_db[:20, :12] = level_db[24:, 24:36] = 0.0
    assert len(pieces(level_db, gap_frames=20)) == 2


def test_a_level_without_valleys_is_one_piece() -> None:
    for level_db in (np.zeros((30, 20)), np.linspace(-60, 0, 600).reshape(30, 20), np.zeros((1, 1))):
        (found,) = pieces(level_db)
        assert found.all()


@pytest.mark.parametrize("seed", range(12))
def test_the_pieces_equal_those_of_a_flood_fill(seed: int) -> None:
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 1, (12, 9)).astype(np.float32)
    inside = rng.random(level.shape) < 0.85
    level[~inside] = -1e9
    found = _merged_basins(_basins(level, inside), level, 0.8)
    assert sorted(found[peak] for peak in _flooded_peaks(level, inside, 0.8)) == list(range(found.max() + 1))


def _flooded_peaks(level: Plane, inside: NDArray[np.bool_], saddle: float) -> list[tuple[int, int]]:
    """Return the prominent peaks, found cell by cell from the top down: an independent version of the same rule."""
    group: dict[tuple[int, int], list[tuple[int, int]]] = {}
    peaks: list[tuple[int, int]] = []
    for cell in sorted(map(tuple, np.argwhere(inside)), key=lambda c: (-level[c], c)):
        near = {id(group[n]): group[n] for n in _neighbours(cell) if n in group}
        ordered = sorted(near.values(), key=lambda members: -level[members[0]])
        if not ordered:
            group[cell] = [cell]
            peaks.append(cell)
            continue
        first = ordered[0]
        first.append(cell)
        group[cell] = first
        for other in ordered[1:]:
            if level[other[0]] - level[cell] < saddle:
                peaks.remove(other[0])
                first += other
                group.update(dict.fromkeys(other, first))
    return peaks


def _neighbours(cell: tuple[int, int]) -> list[tuple[int, int]]:
    return [(cell[0] + i, cell[1] + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]


def test_a_part_keeps_its_place_and_its_class_rows() -> None:
    rng = np.random.default_rng(0)
    classes = rng.normal(size=(6, 8, 3)).astype(np.float32)
    whole = Region(
        10,
        5,
        np.full((20, 12), 200, np.uint8),
        np.zeros((20, 12), np.float32),
        np.zeros((20, 12), np.float32),
        classes,
        2,
    )
    kept = np.zeros((20, 12), bool)
    kept[7:13, 3:9] = True
    part = whole.part(kept)
    assert (part.first_frame, part.first_bin, part.mask.shape) == (17, 8, (6, 6))
    # Frame t of the region lies in row (2 + t) // 4 of the map, bin b in column (5 + b) // 4.
    cells = [((2 + t) // 4, (5 + b) // 4) for t in range(7, 13) for b in range(3, 9)]
    expected = np.mean([classes[cell] for cell in cells], axis=0)
    np.testing.assert_allclose(part.mean_class_logits(4, 4), expected, rtol=1e-5)


def test_the_loud_part_encloses_the_bins_near_the_peak() -> None:
    level_db = np.full((30, 20), -25.0)
    level_db[10:15, 4:8] = 0.0
    level_db[20, 12] = -15.0
    rows, columns = region(level_db).loud_part(20.0)
    assert (rows, columns) == (slice(10, 21), slice(4, 13))
