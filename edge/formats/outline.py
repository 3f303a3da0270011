"""Outlines of masks: polygons along the edges of bins that cover exactly the bins of the mask.

A vertex `(t, b)` is the corner before frame t and below bin b. Each polygon is one group of bins that share edges; bins
that touch only at a corner belong to two polygons, and a hole may touch its border at a corner. This makes the polygons
valid by the rules of the Open Geospatial Consortium (OGC 06-103r4, 6.1.11).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Vertex = tuple[int, int]
Ring = list[Vertex]  # the last vertex is the first one
Polygon = list[Ring]  # the border, counterclockwise with frequency upwards, and its holes, clockwise

MIN_TOLERANCE = 0.25  # below it, no vertex is dropped

# Direction of an edge with the mask on its left: the bin on its right, and its start, from the corner of a bin.
_EDGES = {
    (1, 0): ((0, -1), (0, 0)),
    (0, 1): ((1, 0), (1, 0)),
    (-1, 0): ((0, 1), (1, 1)),
    (0, -1): ((-1, 0), (0, 1)),
}


def outline(mask: Bool) -> list[Polygon]:
    """Return the polygons of a mask, in the order in which they begin; none if the mask is empty.

    Shape: `mask [frames, bins]`.
    """
    rings = [_without_midpoints(loop) for loop in _loops(mask)]
    borders = sorted(ring for ring in rings if area(ring) > 0)
    polygons = [[border] for border in borders]
    for hole in sorted(ring for ring in rings if area(ring) < 0):
        # The border of the bin next to the hole's first edge. A point of the hole may lie in an island.
        frame, bin = _bin_on_the_left(hole)
        around = (polygon for polygon in polygons if is_inside(frame + 0.5, bin + 0.5, polygon[0]))
        min(around, key=lambda polygon: area(polygon[0])).append(hole)
    return polygons


def simplified(polygons: list[Polygon], tolerance: float) -> list[Polygon]:
    """Return polygons with fewer vertices that cross neither themselves nor one another.

    Rings are thinned by the algorithm of Douglas and Peucker (1973, doi:10.3138/FM57-6770-U75U-7727). If they would
    cross, or a ring would leave the ring around it, the tolerance is halved until they do not.

    Args:
        polygons: As `outline` returns them.
        tolerance: Maximum distance of a dropped vertex from the line, in frames or bins.
    """
    nesting = _nesting(polygons)
    while tolerance >= MIN_TOLERANCE:
        thinned = [[_thinned(ring, tolerance) for ring in polygon] for polygon in polygons]
        if not _cross([ring for polygon in thinned for ring in polygon]) and _nesting(thinned) == nesting:
            return thinned
        tolerance /= 2
    return polygons


def area(ring: Ring) -> float:
    """Return the area in bins; negative if the ring is clockwise."""
    return sum(t0 * b1 - t1 * b0 for (t0, b0), (t1, b1) in pairwise(ring)) / 2


def is_inside(frame: float, bin: float, ring: Ring) -> bool:
    """Return whether a ring encloses a point that is not on it."""
    crossed = 0
    for (t0, b0), (t1, b1) in pairwise(ring):
        if (b0 > bin) != (b1 > bin):
            crossed += frame < t0 + (bin - b0) * (t1 - t0) / (b1 - b0)
    return crossed % 2 == 1


def _loops(mask: Bool) -> Iterator[Ring]:
    """Yield closed loops of edges of length 1 with the mask on their left, in which no vertex repeats."""
    padded = np.pad(mask, 1)
    leaving: dict[Vertex, list[Vertex]] = {}
    for step, ((frame, bin), (from_frame, from_bin)) in _EDGES.items():
        neighbour = padded[1 + frame : 1 + frame + mask.shape[0], 1 + bin : 1 + bin + mask.shape[1]]
        for t, b in np.argwhere(mask & ~neighbour).tolist():
            leaving.setdefault((t + from_frame, b + from_bin), []).append(step)
    while leaving:
        at = next(iter(leaving))
        path, places, step = [at], {at: 0}, leaving[at][0]
        while at in leaving and (len(path) > 1 or step is leaving[at][0]):
            steps = leaving[at]
            left = (-step[1], step[0])  # where four edges meet, the loop stays with its bin
            step = steps.pop(steps.index(left) if left in steps else 0)
            if not steps:
                del leaving[at]
            at = (at[0] + step[0], at[1] + step[1])
            if at not in places:
                places[at] = len(path)
                path.append(at)
                continue
            loop = path[places[at] :]
            del path[places[at] + 1 :]
            for vertex in loop[1:]:
                del places[vertex]
            yield [*loop, at]
            if len(path) == 1:
                break


def _without_midpoints(loop: Ring) -> Ring:
    """Return a loop without the vertices at which its direction does not change."""
    before, corners = loop[-2], []
    for vertex, after in pairwise(loop):
        if (vertex[0] - before[0], vertex[1] - before[1]) != (after[0] - vertex[0], after[1] - vertex[1]):
            corners.append(vertex)
        before = vertex
    first = corners.index(min(corners))
    return [*corners[first:], *corners[: first + 1]]


def _bin_on_the_left(ring: Ring) -> Vertex:
    (t0, b0), (t1, b1) = ring[:2]
    step = (t1 > t0) - (t1 < t0), (b1 > b0) - (b1 < b0)
    _, (from_frame, from_bin) = _EDGES[step]
    return t0 - from_frame, b0 - from_bin


def _thinned(ring: Ring, tolerance: float) -> Ring:
    """Return a ring without the vertices that lie within the tolerance of the line between others.

    A ring that would vanish or reverse its orientation is not changed.
    """
    points = np.array(ring, float)
    far = int(np.argmax(((points - points[0]) ** 2).sum(axis=1)))
    keep = {0, far, len(ring) - 1}
    spans = [(0, far), (far, len(ring) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        start, line = points[first], points[last] - points[first]
        offsets = points[first + 1 : last] - start
        length = float(np.hypot(*line))
        distances = np.abs(offsets[:, 0] * line[1] - offsets[:, 1] * line[0]) / length
        worst = int(np.argmax(distances))
        if distances[worst] > tolerance:
            middle = first + 1 + worst
            keep.add(middle)
            spans += [(first, middle), (middle, last)]
    thin = [ring[index] for index in sorted(keep)]
    return thin if area(thin) * area(ring) > 0 else ring


def _cross(rings: list[Ring]) -> bool:
    """Return whether any two edges of the rings cross or overlap; corners that touch do not count."""
    edges = np.array([edge for ring in rings for edge in pairwise(ring)])
    start, end = edges[:, 0], edges[:, 1]
    for index in range(len(edges) - 1):
        a, b, c, d = start[index], end[index], start[index + 1 :], end[index + 1 :]
        side_c, side_d = _side(a, b, c), _side(a, b, d)
        side_a, side_b = _side(c, d, a), _side(c, d, b)
        proper = (side_c * side_d < 0) & (side_a * side_b < 0)
        inside = (  # a corner of one lies within the other
            (side_c == 0) & _within(a, b, c)
            | (side_d == 0) & _within(a, b, d)
            | (side_a == 0) & _within(c, d, a)
            | (side_b == 0) & _within(c, d, b)
        )
        same = ((c == a).all(1) & (d == b).all(1)) | ((c == b).all(1) & (d == a).all(1))
        if (proper | inside | same).any():
            return True
    return False


def _nesting(polygons: list[Polygon]) -> list[list[bool]]:
    """Return which ring lies in which other ring, by the middle of its first edge; the rings must not cross."""
    rings = [ring for polygon in polygons for ring in polygon]
    middles = [((ring[0][0] + ring[1][0]) / 2, (ring[0][1] + ring[1][1]) / 2) for ring in rings]
    return [
        [inner is not outer and is_inside(*middle, outer) for outer in rings]
        for inner, middle in zip(rings, middles, strict=True)
    ]


def _side(a: NDArray[np.int64], b: NDArray[np.int64], point: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return on which side of the line from a to b a point lies: the sign of the cross product."""
    line, to = b - a, point - a
    side: NDArray[np.int64] = np.sign(line[..., 0] * to[..., 1] - line[..., 1] * to[..., 0])
    return side


def _within(a: NDArray[np.int64], b: NDArray[np.int64], point: NDArray[np.int64]) -> Bool:
    """Return whether a point on the line through a and b lies between them."""
    between: Bool = ((point - a) * (point - b)).sum(axis=-1) < 0
    return between
