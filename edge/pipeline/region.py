"""A closed region of the mask as arrays, and its pieces.

A region that covers little of its bounding box may hold several sounds. Its pieces are the watershed basins of the
level (Beucher and Lantuejoul 1979) that are prominent: two basins stay apart if the level on the way from
one peak to the other falls by `saddle_db` below the lower peak. This is the merge tree of persistent homology (Chazal
et al. 2013, doi:10.1145/2535927). Pieces that follow each other closely in the same band are one phrase.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Bytes = NDArray[np.uint8]
Int64 = NDArray[np.int64]
NEPER_DB = 20.0 / np.log(10.0)
CELL_BINS = 2  # the watershed works on cells of `cell_frames` frames and this many bins
SILENT = np.float32(-1e9)
MIN_SHARED_BAND = 0.4  # share of the narrower band that two pieces of one phrase have in common


@dataclass(frozen=True, eq=False)
class Region:
    """A region of the mask, or a piece of one: the arrays span its bounding box, all `[frames, bins]`.

    `classes` are the rows of the class map that the box touches, `[rows, columns, classes]`, with all columns;
    `frame_in_row` is the position of the first frame in the first of these rows.
    """

    first_frame: int
    first_bin: int
    mask: Bytes  # round(255 * probability), 0 outside the region
    level: Float32  # natural logarithm of magnitude
    above: Float32  # level minus floor
    classes: Float32 | None = None
    frame_in_row: int = 0

    @cached_property
    def inside(self) -> Bool:
        """The bins of the region."""
        return self.mask > 0

    @cached_property
    def bins(self) -> int:
        """The number of bins in the region."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def _inside_level(self) -> Float32:
        level: Float32 = np.where(self.inside, self.level, SILENT)
        return level

    @cached_property
    def loudest(self) -> tuple[int, int]:
        """The frame and the bin, within the arrays, with the highest level."""
        frame, at = divmod(int(self._inside_level.argmax()), self.mask.shape[1])
        return frame, at

    def part(self, kept: Bool) -> Region:
        """Return the part of the region inside `kept [frames, bins]`."""
        inside = self.inside & kept
        rows, columns = _extent(np.any(inside, axis=1)), _extent(np.any(inside, axis=0))
        place = rows, columns
        return Region(
            self.first_frame + rows.start,
            self.first_bin + columns.start,
            np.where(inside[place], self.mask[place], np.uint8(0)),
            self.level[place],
            self.above[place],
            self.classes,
            self.frame_in_row + rows.start,
        )

    def mean_class_logits(self, class_frames: int, class_bins: int) -> Float32:
        """Return the mean of the class map over the bins of the region, `[classes]`."""
        assert self.classes is not None
        frames, bins = self.mask.shape
        skipped, first_frame = divmod(self.frame_in_row, class_frames)
        first_column, first_bin = divmod(self.first_bin, class_bins)
        rows, columns = -(-(first_frame + frames) // class_frames), -(-(first_bin + bins) // class_bins)
        inside = np.zeros((rows, class_frames, columns * class_bins), np.float32)
        inside.reshape(-1, columns * class_bins)[
            first_frame : first_frame + frames, first_bin : first_bin + bins
        ] = self.inside
        # One axis after the other is faster than both at once; counts are exact in any order.
        cells = np.add.reduce(inside, axis=1).reshape(rows, columns, class_bins)
        cells = np.add.reduce(cells, axis=2)
        logits = self.classes[skipped : skipped + rows, first_column : first_column + columns]
        mean: Float32 = np.asarray(np.tensordot(cells, logits, axes=2), np.float32)
        mean /= np.float32(self.bins)
        return mean

    def loud_part(self, range_db: float) -> tuple[slice, slice]:
        """Return the frames and bins, within the arrays, that reach within `range_db` of the loudest bin."""
        level = self._inside_level
        loud = level >= level[self.loudest] - np.float32(range_db / NEPER_DB)
        return _extent(np.any(loud, axis=1)), _extent(np.any(loud, axis=0))


def pieces_of(
    region: Region, saddle_db: float, gap_frames: int, range_db: float, cell_frames: int
) -> list[Bool]:
    """Return the pieces of a region, which together cover it, as masks `[frames, bins]`.

    Args:
        region: The region.
        saddle_db: The prominence from which a peak of the level gets its own piece.
        gap_frames: Pieces in the same band that are at most this far apart in time are joined.
        range_db: The band of a piece is where its level is within this range of its peak.
        cell_frames: Frames of a cell of the watershed.
    """
    level, inside = _cell_levels(region, cell_frames)
    basins = _basins(level, inside)
    pieces = _merged_basins(basins, level, saddle_db / NEPER_DB)
    if pieces.max(initial=-1) < 1:
        return [region.inside]
    pieces = _joined_pieces(pieces, level, gap_frames / cell_frames, range_db / NEPER_DB)
    frames, bins = region.mask.shape
    fine = np.repeat(np.repeat(pieces, cell_frames, axis=0), CELL_BINS, axis=1)[:frames, :bins]
    return [region.inside & (fine == number) for number in range(int(pieces.max()) + 1)]


def _cell_levels(region: Region, cell_frames: int) -> tuple[Float32, Bool]:
    """Return the smoothed level of each cell, and the cells of the region."""
    frames, bins = region.mask.shape
    rows, columns = -(-frames // cell_frames), -(-bins // CELL_BINS)
    inside = np.zeros((rows * cell_frames, columns * CELL_BINS), np.float32)
    inside[:frames, :bins] = region.inside
    level = np.zeros_like(inside)
    np.multiply(region.level, region.inside, out=level[:frames, :bins])
    shape = rows, cell_frames, columns, CELL_BINS
    count, total = (np.add.reduce(plane.reshape(shape), axis=(1, 3)) for plane in (inside, level))
    cells = count > 0
    # Average over the neighbours too: a single loud bin is not a peak.
    count, total = (_neighbours_sum(plane) for plane in (count, total))
    return np.where(cells, total / np.maximum(count, 1), SILENT).astype(np.float32), cells


def _neighbours_sum(plane: Float32) -> Float32:
    """Return the sum over 3 x 3 cells."""
    rows: Float32 = np.zeros((plane.shape[0] + 2, plane.shape[1] + 2), np.float32)
    rows[1:-1, 1:-1] = plane
    rows = rows[:-2] + rows[1:-1] + rows[2:]
    sums: Float32 = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return sums


def _basins(level: Float32, inside: Bool) -> Int64:
    """Return for each cell the flat index of the peak to which the steepest ascent leads."""
    best, target = level, np.arange(level.size).reshape(level.shape)
    # Take the best of three along one axis, then the best of those along the other. Among equal neighbours the last
    # one wins, so that a plateau has a single peak.
    for before, after in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        near, number = best, target
        best, target = best.copy(), target.copy()
        for here, there, is_higher in ((before, after, np.greater_equal), (after, before, np.greater)):
            higher = is_higher(near[there], best[here])
            np.copyto(best[here], near[there], where=higher)
            np.copyto(target[here], number[there], where=higher)
    up = target.ravel()
    while True:
        further = up[up]
        if np.array_equal(further, up):
            return np.where(inside, up.reshape(level.shape), -1)
        up = further


def _merged_basins(basins: Int64, level: Float32, saddle_np: float) -> Int64:
    """Return the piece number of each cell, from 0, or -1 outside; basins without a prominent peak are merged."""
    peaks = np.flatnonzero(basins.ravel() == np.arange(basins.size))
    number = np.full(basins.size + 1, -1)  # the last element is for -1
    number[peaks] = np.arange(len(peaks))
    pieces = number[basins]
    height = level.ravel()[peaks]
    parent = list(range(len(peaks)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first, second, saddle = _saddles(pieces, level)
    for i in np.argsort(-saddle, kind="stable").tolist():
        a, b = root(int(first[i])), root(int(second[i]))
        if a == b:
            continue
        low, high = sorted((a, b), key=lambda n: (height[n], n))
        # From the highest saddle down: the lower of two peaks is judged where it first meets a higher peak.
        if height[low] - saddle[i] < saddle_np:
            parent[low] = high
    _, merged = np.unique([root(i) for i in range(len(peaks))], return_inverse=True)
    numbers: Int64 = np.append(merged, -1)[pieces]
    return numbers


def _saddles(pieces: Int64, level: Float32) -> tuple[Int64, Int64, Float32]:
    """Return each pair of pieces that touch, and the highest level on the border between them."""
    firsts, seconds, levels = [], [], []
    for a, b in (
        (np.s_[:-1, :], np.s_[1:, :]),
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[:-1, 1:], np.s_[1:, :-1]),
    ):
        low, high = np.minimum(pieces[a], pieces[b]), np.maximum(pieces[a], pieces[b])
        border = np.flatnonzero((low != high) & (low >= 0))
        firsts.append(low.ravel()[border])
        seconds.append(high.ravel()[border])
        levels.append(np.minimum(level[a], level[b]).ravel()[border])
    first, second, border_level = np.concatenate(firsts), np.concatenate(seconds), np.concatenate(levels)
    order = np.lexsort((-border_level, second, first))
    first, second, border_level = first[order], second[order], border_level[order]
    new = np.ones(len(first), bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return first[new], second[new], border_level[new]


def _joined_pieces(pieces: Int64, level: Float32, gap_cells: float, range_np: float) -> Int64:
    """Return the pieces after joining those of one phrase: close in time, and in the same band."""
    count = int(pieces.max()) + 1
    spans = []
    for number in range(count):
        loud = pieces == number
        loud &= level >= level[loud].max() - np.float32(range_np)
        spans.append((_extent(loud.any(axis=1)), _extent(loud.any(axis=0))))
    joined = list(range(count))
    order = sorted(range(count), key=lambda n: (spans[n][0].start, n))
    for place, a in enumerate(order):
        for b in order[place + 1 :]:
            if spans[b][0].start - spans[a][0].stop > gap_cells:
                break
            follows = spans[b][0].start >= spans[a][0].stop - 1
            if follows and _shared_band(spans[a][1], spans[b][1]) >= MIN_SHARED_BAND:
                joined = [joined[a] if n == joined[b] else n for n in joined]
    _, numbers = np.unique(joined, return_inverse=True)
    return np.where(pieces >= 0, numbers[pieces], -1)


def _shared_band(a: slice, b: slice) -> float:
    """Return the overlap of two bands as a share of the narrower one."""
    shared = min(a.stop, b.stop) - max(a.start, b.start)
    return float(max(0, shared) / min(a.stop - a.start, b.stop - b.start))


def _extent(used: Bool) -> slice:
    """Return the smallest slice that holds all true elements; there must be at least one."""
    first = int(used.argmax())
    return slice(first, len(used) - int(used[::-1].argmax()))
