"""Streaming detection of sound events: connected regions of the mask.

This is connected-component labelling in one pass (Rosenfeld and Pfaltz 1966, doi:10.1145/321356.321357) with
hysteresis thresholds (Canny 1986, doi:10.1109/TPAMI.1986.4767851):

1. In each frame, the bins with probability >= `low_threshold` form runs. Holes up to `gap_hz` are bridged.
2. A run joins every open region with a run at most `gap_s` earlier and `gap_hz` away. Regions that meet are merged.
3. A region closes when it has had no run for longer than `gap_s`, or has lasted `max_duration_s`.
4. A closed region is an event if its maximum probability is at least `high_threshold`, its mean probability (the score
   of the event) is at least `min_score_of(area)`, and its duration and area reach their minima.

With both gaps 0 the regions are the 8-connected components of the mask. Frames are processed one by one, so every
division of the stream into pushes gives the same events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings

Float32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]
NEPER_DB = 20.0 / np.log(10.0)


class _Run(NamedTuple):
    """Adjacent bins `[low, high)` of one frame, including bridged holes."""

    frame: int
    low: int
    high: int
    mask: Bytes  # 0 in the holes
    level: Float32
    above: Float32  # level minus floor


@dataclass(eq=False)
class _Region:
    """An open region: its runs, and the frames of its first and last run."""

    first_frame: int
    last_frame: int
    runs: list[_Run]


class EventTracker:
    """A streaming tracker of the regions of a mask.

    Shape: `push(mask uint8 [frames, bins], level [frames, bins], floor [frames, bins]) -> events`; level and floor are
    natural logarithms of magnitude.

    Args:
        settings: The thresholds and limits of events.
        grid: The grid of the frames.
        first_frame: The number of the first pushed frame.
    """

    def __init__(self, settings: EventSettings, grid: Grid, first_frame: int = 0) -> None:
        self.settings, self.grid = settings, grid
        self._low_threshold = max(1, round(settings.low_threshold * 255))
        self._high_threshold = round(settings.high_threshold * 255)
        self._gap_frames = round(settings.gap_s / grid.hop_s)
        self._gap_bins = round(settings.gap_hz / grid.bin_hz)
        self._max_frames = round(settings.max_duration_s / grid.hop_s)
        self._frame = first_frame
        self._open: dict[int, _Region] = {}  # by number, oldest first
        self._regions = 0  # the last number given to a region
        # The last region with a run over each bin, and the frame of that run. Two regions over one bin within the gap
        # would have been merged.
        self._region_of_bin = np.zeros(grid.bins, np.int64)
        self._frame_of_bin = np.zeros(grid.bins, np.int64)

    def push(self, mask: Bytes, level: Float32, floor: Float32) -> list[Event]:
        """Return the events that closed within these frames, in the order in which they closed."""
        kept = np.where(mask >= self._low_threshold, mask, np.uint8(0))
        if not self._open and not kept.any():
            self._frame += len(mask)
            return []
        level, above = (
            level.copy(),
            level - floor,
        )  # open regions keep parts after the caller reuses its arrays
        events: list[Event] = []
        for t, spans in enumerate(self._spans(kept)):
            for low, high in spans:
                bins = slice(low, high)
                self._join(_Run(self._frame, low, high, kept[t, bins], level[t, bins], above[t, bins]))
            self._frame += 1
            events += self._close(self._is_over)
        return events

    def flush(self) -> list[Event]:
        """Close all open regions, and return their events."""
        return self._close(lambda _: True)

    def _spans(self, kept: Bytes) -> list[list[tuple[int, int]]]:
        """Return the runs `(low, high)` of each frame, with holes up to the gap bridged."""
        padded = np.zeros((len(kept), kept.shape[1] + 2), np.int8)
        padded[:, 1:-1] = kept > 0
        edges = padded[:, 1:] - padded[:, :-1]
        frames, lows = np.nonzero(edges == 1)
        highs = np.nonzero(edges == -1)[1]
        spans: list[list[tuple[int, int]]] = [[] for _ in kept]
        for t, low, high in zip(frames.tolist(), lows.tolist(), highs.tolist(), strict=True):
            near = spans[t] and low - spans[t][-1][1] <= self._gap_bins
            spans[t].append((spans[t].pop()[0] if near else low, high))
        return spans

    def _join(self, run: _Run) -> None:
        """Add a run to the regions that it touches, merged into one, or to a new region."""
        reach = slice(max(0, run.low - self._gap_bins - 1), run.high + self._gap_bins + 1)
        recent = self._frame_of_bin[reach] >= run.frame - self._gap_frames - 1
        touching = sorted(self._open.keys() & set(self._region_of_bin[reach][recent].tolist()))
        if touching:
            number, *others = touching
            region = self._open[number]
            for other in others:
                self._region_of_bin[self._region_of_bin == other] = number
                merged = self._open.pop(other)
                region.first_frame = min(region.first_frame, merged.first_frame)
                region.runs += merged.runs
        else:
            self._regions += 1
            number = self._regions
            region = self._open[number] = _Region(run.frame, run.frame, [])
        region.runs.append(run)
        region.last_frame = run.frame
        self._region_of_bin[run.low : run.high] = number
        self._frame_of_bin[run.low : run.high] = run.frame

    def _is_over(self, region: _Region) -> bool:
        silent = self._frame - 1 - region.last_frame > self._gap_frames
        return silent or self._frame - region.first_frame >= self._max_frames

    def _close(self, over: Callable[[_Region], bool]) -> list[Event]:
        closing = [number for number, region in self._open.items() if over(region)]
        regions = [self._open.pop(number) for number in closing]
        return [event for region in regions if (event := self._event(region)) is not None]

    def _event(self, region: _Region) -> Event | None:
        """Return the event of a closed region, or None if the region is not an event."""
        grid, settings = self.grid, self.settings
        first, last = region.first_frame, region.last_frame
        low, high = min(r.low for r in region.runs), max(r.high for r in region.runs)
        shape = (last - first + 1, high - low)
        mask = np.zeros(shape, np.uint8)
        level, above = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        for run in region.runs:
            place = run.frame - first, slice(run.low - low, run.high - low)
            mask[place], level[place], above[place] = run.mask, run.level, run.above
        inside = mask > 0
        kept = int(inside.sum())
        area_hz_s = kept * grid.hop_s * grid.bin_hz
        too_short = (last - first + 1) * grid.hop_s < settings.min_duration_s
        score = float(mask[inside].mean(dtype=np.float64)) / 255.0
        uncertain = mask.max() < self._high_threshold or score < settings.min_score_of(area_hz_s)
        if uncertain or too_short or area_hz_s < settings.min_area_hz_s:
            return None
        loudest = int(np.where(inside, level, -np.inf).argmax())
        return Event(
            onset_s=grid.first_frame_s + (first - 0.5) * grid.hop_s,
            offset_s=grid.first_frame_s + (last + 0.5) * grid.hop_s,
            low_hz=grid.low_hz + (low - 0.5) * grid.bin_hz,
            high_hz=grid.low_hz + (high - 0.5) * grid.bin_hz,
            peak_hz=grid.low_hz + (low + loudest % (high - low)) * grid.bin_hz,
            score=score,
            area_hz_s=area_hz_s,
            snr_db=float(above[inside].mean(dtype=np.float64)) * NEPER_DB,
            first_frame=first,
            first_bin=low,
            mask=mask,
        )
