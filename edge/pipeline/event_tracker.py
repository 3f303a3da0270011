"""From mask frames to sound events, frame by frame.

In each frame the bins at or above `low_threshold` form runs. A run joins every open region that has a run
within `gap_s` before it and `gap_hz` beside it; regions that meet become one. A region that finds nothing for
longer than `gap_s` closes, and is an event if its highest probability reached `high_threshold`, its mean
probability (the event's score) reached what its area needs, and it is neither too short nor too small. Nothing
depends on how the frames were divided into pushes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.pipeline.spectrogram import Grid

Float32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]
REFERENCE_AREA_HZ_S = 100.0  # an area for which `min_score` holds
NEPER_DB = 20.0 / np.log(10.0)


@dataclass(frozen=True)
class EventSettings:
    """What counts as one event."""

    low_threshold: float = 0.5  # a bin belongs to a region from here on
    high_threshold: float = 0.7  # some bin of an event reaches this
    # The mean of its bins reaches this where they cover 100 Hz s, and so much less for each tenfold of that: more bins
    # that agree are more evidence. train/EXPERIMENTS.md tells the price of both.
    min_score: float = 0.955
    min_score_drop_per_decade: float = 0.015
    gap_s: float = 0.1  # a pause up to this long does not end an event
    gap_hz: float = 250.0  # nor does a step or a hole up to this wide
    min_duration_s: float = 0.06  # the margins that a mask has about a sound included
    min_area_hz_s: float = 8.0  # area
    max_duration_s: float = 30.0  # then it is closed and a new one begins

    def __post_init__(self) -> None:
        if not 0.0 < self.low_threshold <= self.high_threshold <= 1.0:
            raise SettingsError(
                f"low_threshold {self.low_threshold} and high_threshold {self.high_threshold} "
                "must lie in 0..1, the first not above the second"
            )
        if not 0.0 <= self.min_score <= 1.0:
            raise SettingsError(f"min_score is {self.min_score}; it must lie in 0..1")
        for name in ("min_score_drop_per_decade", "gap_s", "gap_hz", "min_duration_s", "min_area_hz_s"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.max_duration_s < 1.0:
            raise SettingsError(f"max_duration_s is {self.max_duration_s}; it must be at least 1 second")

    @property
    def in_words(self) -> str:
        """What an event needs of its mean probability."""
        return (
            f"the mean of an event of {REFERENCE_AREA_HZ_S:g} Hz s is {self.min_score:g} or more, "
            f"of a tenfold area {self.min_score_drop_per_decade:g} less"
        )

    def min_score_of(self, area_hz_s: float) -> float:
        """What the mean probability of an event of this area reaches."""
        return self.min_score - self.min_score_drop_per_decade * math.log10(area_hz_s / REFERENCE_AREA_HZ_S)


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
