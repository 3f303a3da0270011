"""From mask frames to sound events, frame by frame.

In each frame the bins at or above `low_threshold` form runs. A run joins every open region that has a run
within `gap_s` before it and `gap_hz` beside it; regions that meet become one. A region that finds nothing for
longer than `gap_s` closes, and is an event if its highest probability reached `high_threshold`, its mean
probability (the event's score) reached what its area needs, and it is neither too short nor too small. Nothing
depends on how the frames were divided into pushes.
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
    """Neighbouring bins `[low, high)` of one frame, holes up to the gap among them."""

    frame: int
    low: int
    high: int
    mask: Bytes  # 0 in the holes
    level: Float32
    above: Float32  # level less floor


@dataclass(eq=False)
class _Region:
    first_frame: int
    last_frame: int
    runs: list[_Run]


class EventTracker:
    """Push mask frames with their levels, get the events that closed.

    Shape: `push(mask uint8 [frames, bins], level [frames, bins], floor [frames, bins])`; level and floor are
    natural logarithms of magnitude. `first_frame` is the index of the first frame pushed.
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
        self._regions = 0  # numbers given out
        # The region that last had a run over each bin, and when: within the gap no bin can have two.
        self._region_of_bin = np.zeros(grid.bins, np.int64)
        self._frame_of_bin = np.zeros(grid.bins, np.int64)

    def push(self, mask: Bytes, level: Float32, floor: Float32) -> list[Event]:
        """The events that closed within these frames, in the order in which they closed."""
        kept = np.where(mask >= self._low_threshold, mask, np.uint8(0))
        if not self._open and not kept.any():
            self._frame += len(mask)
            return []
        level, above = level.copy(), level - floor  # an open region outlives the caller's arrays
        events: list[Event] = []
        for t, spans in enumerate(self._spans(kept)):
            for low, high in spans:
                bins = slice(low, high)
                self._join(_Run(self._frame, low, high, kept[t, bins], level[t, bins], above[t, bins]))
            self._frame += 1
            events += self._close(self._is_over)
        return events

    def flush(self) -> list[Event]:
        """Closes what is open."""
        return self._close(lambda _: True)

    def _spans(self, kept: Bytes) -> list[list[tuple[int, int]]]:
        """For each frame, `(low, high)` of neighbouring kept bins, holes up to the gap bridged."""
        padded = np.zeros((len(kept), kept.shape[1] + 2), np.int8)
        padded[:, 1:-1] = kept > 0
        edges = padded[:, 1:] - padded[:, :-1]
        frames, lows = np.nonzero(edges == 1)
        highs = np.nonzero(edges == -1)[1]
        spans: list[list[tuple[int, int]]] = [[] for _ in kept]
        for t, low, high in zip(frames.tolist(), lows.tolist(), highs.tolist(), strict=True):
            if spans[t] and low - spans[t][-1][1] <= self._gap_bins:
                low = spans[t].pop()[0]
            spans[t].append((low, high))
        return spans

    def _join(self, run: _Run) -> None:
        beside = slice(max(0, run.low - self._gap_bins - 1), run.high + self._gap_bins + 1)
        recent = self._frame_of_bin[beside] >= run.frame - self._gap_frames - 1
        touching = sorted(self._open.keys() & set(self._region_of_bin[beside][recent].tolist()))
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
        too_unsure = mask.max() < self._high_threshold or score < settings.min_score_of(area_hz_s)
        if too_unsure or too_short or area_hz_s < settings.min_area_hz_s:
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
