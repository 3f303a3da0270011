"""The open regions of a mask: runs of adjacent bins in each frame, joined over gaps in time and frequency.

This is connected-component labelling in one pass (Rosenfeld and Pfaltz 1966, doi:10.1145/321356.321357). A run is three
integers; its bins are copied when its region closes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.region import Region

Float32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Bool = NDArray[np.bool_]
NEVER = math.inf
_Run = tuple[int, int, int]  # a frame, and adjacent bins [low, high) of it, including bridged holes
# Bins [low, high), the last frame with a run over them, and the number of its region.
_Trace = tuple[int, int, int, int]


class _Block(NamedTuple):
    """Pushed frames that open regions may need."""

    first_frame: int
    mask: Bytes  # 0 below the low threshold
    level: Float32
    above: Float32  # level minus floor
    classes: Float32 | None


@dataclass(eq=False)
class _OpenRegion:
    """An open region: its runs, and the frames of its first and last run."""

    first_frame: int
    last_frame: int
    runs: list[_Run]


class RegionTracker:
    """A streaming tracker of the regions of a mask, from their first run to the gap that closes them.

    Args:
        settings: The thresholds and limits of events.
        grid: The grid of the frames.
        first_frame: The number of the first pushed frame.
        class_frames: Frames per row of the class map.
    """

    def __init__(self, settings: EventSettings, grid: Grid, first_frame: int, class_frames: int) -> None:
        self._class_frames, self._first_frame = class_frames, first_frame
        self._low_threshold = max(1, round(settings.low_threshold * 255))
        self._gap_frames = round(settings.gap_s / grid.hop_s)
        self._gap_bins = round(settings.gap_hz / grid.bin_hz)
        self._max_frames = round(settings.max_duration_s / grid.hop_s)
        self._frame = first_frame
        self._open: dict[int, _OpenRegion] = {}  # by number, oldest first
        self._regions = 0  # the last number given to a region
        # Two regions over one bin within the gap would have been merged, so a bin has one trace.
        self._traces: list[_Trace] = []
        self._blocks: list[_Block] = []  # from the first frame of the oldest open region on
        self._due: float = NEVER  # the first frame after which a region may close

    def push(self, mask: Bytes, level: Float32, floor: Float32, classes: Float32 | None) -> list[Region]:
        """Return the regions that closed within these frames, in the order in which they closed.

        The arrays are those of `EventTracker.push`.
        """
        if not self._open and mask.max(initial=0) < self._low_threshold:
            self._frame += len(mask)
            return []
        over = mask >= self._low_threshold
        # Open regions need these after the caller reuses its arrays.
        classes = None if classes is None else classes.copy()
        kept = np.multiply(mask, over, dtype=np.uint8)
        self._blocks.append(_Block(self._frame, kept, level.copy(), level - floor, classes))
        closed: list[Region] = []
        for frame, low, high in self._runs(over):
            while self._due < frame:
                closed += self._close(self._due)
            self._join(frame, low, high)
        self._frame += len(mask)
        while self._due < self._frame:
            closed += self._close(self._due)
        oldest = min((region.first_frame for region in self._open.values()), default=self._frame)
        while self._blocks and self._blocks[0].first_frame + len(self._blocks[0].mask) <= oldest:
            del self._blocks[0]
        return closed

    def flush(self) -> list[Region]:
        """Close all open regions, and return them."""
        return self._close(NEVER)

    def _runs(self, over: Bool) -> list[_Run]:
        """Return the runs of each frame, with holes up to the gap bridged."""
        frames, bins = over.shape
        padded = np.zeros((frames, bins + 2), np.bool_)
        padded[:, 1:-1] = over
        # A run begins at one edge and ends at the next, in the same frame.
        edges = np.flatnonzero(padded[:, 1:] != padded[:, :-1]).tolist()
        runs: list[_Run] = []
        row, top = -1, 0
        for begin, end in zip(edges[::2], edges[1::2], strict=True):
            t, low = divmod(begin, bins + 1)
            high = low + end - begin
            if t == row and low - top <= self._gap_bins:
                low = runs.pop()[1]
            runs.append((self._frame + t, low, high))
            row, top = t, high
        return runs

    def _join(self, frame: int, low: int, high: int) -> None:
        """Add a run to the regions that it touches, merged into one, or to a new region."""
        begin, end = low - self._gap_bins - 1, high + self._gap_bins + 1
        oldest = frame - self._gap_frames - 1
        touching: set[int] = set()
        traces: list[_Trace] = []
        for trace in self._traces:
            bottom, top, last, number = trace
            if last < oldest or number not in self._open:
                continue
            if bottom < end and top > begin:
                touching.add(number)
            # Cut out the part that the run covers.
            if bottom >= high or top <= low:
                traces.append(trace)
                continue
            if bottom < low:
                traces.append((bottom, low, last, number))
            if top > high:
                traces.append((high, top, last, number))
        if touching:
            number, *others = sorted(touching)
            region = self._open[number]
            for other in others:
                merged = self._open.pop(other)
                region.first_frame = min(region.first_frame, merged.first_frame)
                region.runs += merged.runs
                traces = [(*trace[:3], number) if trace[3] == other else trace for trace in traces]
        else:
            self._regions += 1
            number = self._regions
            region = self._open[number] = _OpenRegion(frame, frame, [])
            self._due = min(self._due, self._last_frame(region))
        region.runs.append((frame, low, high))
        region.last_frame = frame
        traces.append((low, high, frame, number))
        self._traces = traces

    def _last_frame(self, region: _OpenRegion) -> int:
        """Return the frame after which a region closes, if no run joins it before."""
        return min(region.last_frame + self._gap_frames + 1, region.first_frame + self._max_frames - 1)

    def _close(self, frame: float) -> list[Region]:
        """Return the regions that close after a frame."""
        numbers = [n for n, region in self._open.items() if self._last_frame(region) <= frame]
        closed = [self._as_arrays(self._open.pop(number)) for number in numbers]
        self._due = min(map(self._last_frame, self._open.values()), default=NEVER)
        return closed

    def _as_arrays(self, closed: _OpenRegion) -> Region:
        """Return a closed region with the runs drawn into its bounding box."""
        first, last = closed.first_frame, closed.last_frame
        _, lows, highs = zip(*closed.runs, strict=True)
        low, high = min(lows), max(highs)
        drawn = np.zeros((last - first + 1, high - low), np.bool_)
        for frame, begin, end in closed.runs:
            drawn[frame - first, begin - low : end - low] = True
        masks, levels, aboves, rows = [], [], [], []
        for block in self._blocks:
            begin, end = max(0, first - block.first_frame), last + 1 - block.first_frame
            if begin < len(block.mask) and end > 0:
                box = slice(begin, end), slice(low, high)
                masks.append(block.mask[box])
                levels.append(block.level[box])
                aboves.append(block.above[box])
                if block.classes is not None:
                    rows.append(block.classes[begin // self._class_frames : -(-end // self._class_frames)])
        return Region(
            first,
            low,
            np.where(drawn, np.concatenate(masks), np.uint8(0)),
            np.where(drawn, np.concatenate(levels), np.float32(0)),
            np.where(drawn, np.concatenate(aboves), np.float32(0)),
            np.concatenate(rows) if rows else None,
            (first - self._first_frame) % self._class_frames,
        )
