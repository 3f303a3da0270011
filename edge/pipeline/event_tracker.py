"""Streaming detection of sound events: connected regions of the mask, judged by their class of sound.

This is connected-component labelling in one pass (Rosenfeld and Pfaltz 1966, doi:10.1145/321356.321357) with
hysteresis thresholds (Canny 1986, doi:10.1109/TPAMI.1986.4767851):

1. In each frame, the bins with probability >= `low_threshold` form runs. Holes up to `gap_hz` are bridged.
2. A run joins every open region with a run at most `gap_s` earlier and `gap_hz` away. Regions that meet are merged.
3. A region closes when it has had no run for longer than `gap_s`, or has lasted `max_duration_s`. A region that is
   shorter or smaller than the minimum is dropped.
4. The score of a region is the probability of a bird in the mean of the class map over the region. The region passes if
   its score reaches `min_score` and its maximum probability reaches `high_threshold`. In a band in which a region
   reached `min_score` within the last `follow_s`, `follow_score` is enough: a bird that sings keeps singing.
5. A region that fills less than `max_fill` of its box is cut into pieces (see `region.py`). The pieces that pass
   take its place if there are two or more, or if the region itself does not pass.
6. Every other region is returned with the reason why it is not an event.

With both gaps at 0, the regions are the 8-connected components of the mask. Frames are processed one by one, so every
division of the stream into pushes gives the same events.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event, Reason
from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.band_history import BandHistory, Span
from birdedge.edge.pipeline.region import NEPER_DB, Region, pieces_of
from birdedge.edge.pipeline.region_tracker import RegionTracker
from birdedge.edge.sound_classes import SOUND_CLASSES

Float32 = NDArray[np.float32]
Bytes = NDArray[np.uint8]
CELL_S = 0.016  # of the watershed that cuts a region into pieces


class _Judged(NamedTuple):
    """A region, the extent of its energy, and its classification."""

    region: Region
    span: Span
    score: float
    sound_class: str
    class_score: float
    reason: Reason


class EventTracker:
    """A streaming tracker of the regions of a mask.

    Shape: `push(mask uint8 [frames, bins], level [frames, bins], floor [frames, bins], classes [rows, columns, names])
    -> events`; level and floor are natural logarithms of magnitude. Each row of the class map stands for `class_frames`
    frames, each column for `class_bins` bins.

    Args:
        settings: The thresholds and limits of events.
        grid: The grid of the frames.
        first_frame: The number of the first pushed frame.
        classes: The names of the classes; the first is the one to detect.
        class_frames: Frames per row of the class map.
        class_bins: Bins per column of the class map.
    """

    def __init__(
        self,
        settings: EventSettings,
        grid: Grid,
        first_frame: int = 0,
        classes: tuple[str, ...] = SOUND_CLASSES,
        class_frames: int = 4,
        class_bins: int = 4,
    ) -> None:
        self.settings, self.grid = settings, grid
        self._classes, self._class_frames, self._class_bins = classes, class_frames, class_bins
        self._high_threshold = round(settings.high_threshold * 255)
        self._gap_frames = round(settings.gap_s / grid.hop_s)
        self._cell_frames = max(1, round(CELL_S / grid.hop_s))
        self._follow_frames = round(settings.follow_s / grid.hop_s)
        self._regions = RegionTracker(settings, grid, first_frame, class_frames)
        self._history = BandHistory(grid.hop_s)

    def push(
        self, mask: Bytes, level: Float32, floor: Float32, classes: Float32 | None = None
    ) -> list[Event]:
        """Return the regions that closed within these frames, in the order in which they closed.

        Regions with a `reason` are not events. Without a class map, the score of a region is its mean probability.
        """
        return self._events(self._regions.push(mask, level, floor, classes))

    def flush(self) -> list[Event]:
        """Close all open regions, and return their events."""
        return self._events(self._regions.flush())

    def _events(self, regions: list[Region]) -> list[Event]:
        return [event for region in regions for event in self._events_of(region)]

    def _events_of(self, whole: Region) -> list[Event]:
        """Return the events of a closed region, and its rejected parts."""
        if self._is_speck(whole):
            return []
        settings, judged = self.settings, self._judge([whole])
        if whole.bins / whole.mask.size < settings.max_fill:
            pieces = pieces_of(
                whole, settings.saddle_db, self._gap_frames, settings.box_range_db, self._cell_frames
            )
            if len(pieces) > 1:
                parts = self._judge([part for part in map(whole.part, pieces) if not self._is_speck(part)])
                passed = sum(not part.reason for part in parts)
                if passed > 1 or (passed and judged[0].reason):
                    judged = parts
        events = [self._event(one) for one in judged]
        for one in judged:
            self._history.add(one.span, self._is_sure(one))
        return sorted(events, key=lambda event: (event.onset_s, event.low_hz))

    def _is_speck(self, region: Region) -> bool:
        """Return whether a region is too short or too small to be anything."""
        too_short = len(region.mask) * self.grid.hop_s < self.settings.min_duration_s
        return too_short or self._area_hz_s(region) < self.settings.min_area_hz_s

    def _area_hz_s(self, region: Region) -> float:
        return region.bins * self.grid.hop_s * self.grid.bin_hz

    def _judge(self, regions: list[Region]) -> list[_Judged]:
        """Classify regions that close together, and give the reason for each one that is not an event."""
        settings, judged = self.settings, [self._scored(region) for region in regions]
        sure = [one.span for one in judged if self._is_sure(one)]
        for i, one in enumerate(judged):
            if one.score >= settings.min_score:
                continue
            follows = one.score >= settings.follow_score
            if not (follows and self._history.held_event(one.span, self._follow_frames, sure)):
                judged[i] = one._replace(reason="other sound")
        return judged

    def _is_sure(self, judged: _Judged) -> bool:
        """Return whether a region is an event regardless of its past."""
        return judged.score >= self.settings.min_score and judged.reason != "faint"

    def _scored(self, region: Region) -> _Judged:
        """Return the class and the score of a region."""
        if region.classes is None:
            score = float(region.mask[region.inside].mean(dtype=np.float64)) / 255.0
            sound_class, class_score = self._classes[0], score
        else:
            logits = region.mean_class_logits(self._class_frames, self._class_bins)
            odds = np.exp(logits - logits.max())
            probability = odds / odds.sum()
            likeliest = int(probability.argmax())
            sound_class, class_score = self._classes[likeliest], float(probability[likeliest])
            score = float(probability[0])
        reason: Reason = "faint" if region.mask.max() < self._high_threshold else ""
        return _Judged(region, self._tight_span(region), score, sound_class, class_score, reason)

    def _tight_span(self, region: Region) -> Span:
        """Return the extent of the energy of a region."""
        rows, columns = region.loud_part(self.settings.box_range_db)
        first, low = region.first_frame, region.first_bin
        return Span(first + rows.start, first + rows.stop, low + columns.start, low + columns.stop)

    def _event(self, judged: _Judged) -> Event:
        grid, region, span = self.grid, judged.region, judged.span
        first, low = region.first_frame, region.first_bin
        busy, alike = self._history.before(span)
        return Event(
            onset_s=grid.first_frame_s + (span.first_frame - 0.5) * grid.hop_s,
            offset_s=grid.first_frame_s + (span.end_frame - 0.5) * grid.hop_s,
            low_hz=grid.low_hz + (span.low - 0.5) * grid.bin_hz,
            high_hz=grid.low_hz + (span.high - 0.5) * grid.bin_hz,
            peak_hz=grid.low_hz + (low + region.loudest[1]) * grid.bin_hz,
            score=judged.score,
            area_hz_s=self._area_hz_s(region),
            snr_db=float(region.above[region.inside].mean(dtype=np.float64)) * NEPER_DB,
            first_frame=first,
            first_bin=low,
            mask=region.mask,
            sound_class=judged.sound_class,
            class_score=judged.class_score,
            busy_10_s=busy[0],
            busy_30_s=busy[1],
            busy_60_s=busy[2],
            alike=alike,
            reason=judged.reason,
        )
