"""Outlines of masks, judged by an independent rasterizer and by the geometry of rings."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.formats.outline import Polygon, area, is_inside, outline, simplified

Bool = NDArray[np.bool_]


def rasterized(polygons: list[Polygon], shape: tuple[int, int]) -> Bool:
    """Return the bins whose centres lie in a polygon, by the even-odd rule."""
    mask = np.zeros(shape, bool)
    for frame, bin in np.ndindex(shape):
        inside = (is_inside(frame + 0.5, bin + 0.5, ring) for polygon in polygons for ring in polygon)
        mask[frame, bin] = sum(inside) % 2
    return mask


def drawn(*rows: str) -> Bool:
    """Return a mask in which each row of characters is a frame; # is inside."""
    return np.array([[character == "#" for character in row] for row in rows])


def test_a_single_bin_is_a_square() -> None:
    assert outline(drawn("...", ".#.", "...")) == [[[(1, 1), (2, 1), (2, 2), (1, 2), (1, 1)]]]


def test_an_empty_mask_has_no_outline() -> None:
    assert outline(np.zeros((3, 4), bool)) == []
    assert outline(np.zeros((0, 4), bool)) == []


def test_a_hole_belongs_to_the_polygon_around_it_and_an_island_in_it_is_another() -> None:
    polygons = outline(drawn("#######", "#.....#", "#.#.#.#", "#.....#", "#######"))
    assert [len(polygon) for polygon in polygons] == [2, 1, 1]
    assert [area(border) for border, *_ in polygons] == [35, 1, 1]


def test_a_hole_of_an_island_belongs_to_the_island() -> None:
    mask = np.ones((9, 9), bool)
    mask[1:8, 1:8] = False
    mask[3:6, 3:6] = True
    mask[4, 4] = False
    outer, island = outline(mask)
    assert [area(ring) for ring in outer] == [81, -49]
    assert [area(ring) for ring in island] == [9, -1]


def test_bins_that_touch_at_a_corner_are_two_polygons() -> None:
    assert [len(polygon) for polygon in outline(drawn("#.", ".#"))] == [1, 1]


def test_a_hole_that_touches_the_border_at_a_corner_stays_a_hole() -> None:
    (polygon,) = outline(drawn("###", "#.#", "##."))
    assert [area(ring) for ring in polygon] == [8, -1]


@pytest.mark.parametrize("seed", range(40))
def test_any_mask_rasterizes_back_bit_for_bit(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 14, 2).tolist())
    mask = random.random(shape) < random.choice([0.2, 0.5, 0.6, 0.9])
    polygons = outline(mask)
    np.testing.assert_array_equal(rasterized(polygons, shape), mask)
    rings = [ring for polygon in polygons for ring in polygon]
    assert sum(map(area, rings)) == mask.sum()
    for polygon in polygons:
        assert [area(ring) > 0 for ring in polygon] == [True] + [False] * (len(polygon) - 1)
        for ring in polygon:
            assert ring[0] == ring[-1]
            assert len(set(ring)) == len(ring) - 1


def blob(random: np.random.Generator, frames: int = 40, bins: int = 30) -> Bool:
    """Return the high half of smoothed noise."""
    noise = np.pad(random.standard_normal((frames, bins)), 3, mode="wrap")
    smooth = sum(noise[i : i + frames, j : j + bins] for i in range(7) for j in range(7))
    return np.asarray(smooth > 0)


@pytest.mark.parametrize("seed", range(20))
def test_simplified_outlines_have_fewer_vertices_and_nearly_the_same_area(seed: int) -> None:
    mask = blob(np.random.default_rng(seed))
    exact = outline(mask)
    simple = simplified(exact, 1.0)
    again = rasterized(simple, mask.shape)
    assert (mask & again).sum() / (mask | again).sum() > 0.8
    exact_vertices, vertices = (
        sum(len(ring) for polygon in polygons for ring in polygon) for polygons in (exact, simple)
    )
    assert vertices <= exact_vertices


def test_a_tolerance_at_which_rings_would_cross_is_lowered() -> None:
    exact = outline(drawn("######", "#....#", "#.##.#", "#....#", "######"))
    simple = simplified(exact, 2.9)
    assert [[area(ring) > 0 for ring in polygon] for polygon in simple] == [[True, False], [True]]
    (border, hole), (island,) = simple
    assert all(is_inside(*vertex, border) for vertex in hole)
    assert all(is_inside(*vertex, hole) for vertex in island)


def test_a_tolerance_at_which_a_hole_would_leave_its_border_is_lowered() -> None:
    mask = np.zeros((40, 30), bool)
    mask[:, :10] = True
    mask[19:22, 10:14] = True  # within the tolerance, and
    mask[20, 12] = False  # with a hole that cannot be thinned
    ((border, hole),) = simplified(outline(mask), 5.0)
    assert all(is_inside(*vertex, border) for vertex in hole)
