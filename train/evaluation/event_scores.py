"""Scores of events against labelled boxes: one event matches at most one label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from birdedge.edge.event import Event
from birdedge.edge.models.settings import EventSettings
from birdedge.train.data.annotations import Box
from birdedge.train.data.labels import Bool
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.detectors import events_of

Float64 = NDArray[np.float64]
MIN_IOUS = (0.3, 0.5)
FOUND_MIN_IOU, FOUND_MAX_AREA = 0.2, 4.0  # of `count_found`
LOW_CALL_HZ = 1200.0


@dataclass(frozen=True)
class EventCounts:
    """The number of labels, of events and of matched pairs in a recording; pairs at each of MIN_IOUS.

    A label is low if the centre of its band is below LOW_CALL_HZ.
    """

    true: int
    found: int
    matched: tuple[int, ...]
    low_true: int
    low_matched: int  # at the first of MIN_IOUS


def boxes_of_mask(mask: Bool, times_s: Float64, frequencies_hz: Float64) -> list[Box]:
    """Return the boxes of the events that the recorder makes of a mask.

    Notes that the recorder joins are one box, so a perfect mask scores 1.

    Args:
        mask: `[frames, bins]`.
        times_s: Centres of the evenly spaced frames.
        frequencies_hz: Centres of the evenly spaced bins.
    """
    if min(mask.shape) < 2:
        return []
    count = math.ceil((times_s[-1] - GRID.first_frame_s) / GRID.hop_s) + 1
    frame = _nearest(times_s, GRID.first_frame_s + GRID.hop_s * np.arange(count))
    bin_ = _nearest(frequencies_hz, GRID.low_hz + GRID.bin_hz * np.arange(GRID.bins))
    edged = np.pad(mask, 1)
    probability = edged[np.ix_(frame + 1, bin_ + 1)].astype(np.float32)
    level = np.zeros_like(probability)
    events = events_of(
        probability, level, level, EventSettings(high_threshold=0.5, min_score=0.0, max_fill=0.0)
    )
    return [Box(e.onset_s, e.offset_s, e.low_hz, e.high_hz) for e in events]


def _nearest(centres: Float64, wanted: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of the centre nearest to each wanted place, -1 or `len(centres)` outside."""
    index: NDArray[np.int64] = np.round((wanted - centres[0]) / (centres[1] - centres[0])).astype(np.int64)
    return np.clip(index, -1, len(centres))


def box_iou(found: Sequence[Event | Box], true: Sequence[Box]) -> Float64:
    """Return the intersection over union in time and frequency, or in time alone for a label without a band.

    Shape: `[found, true]`.
    """
    a, b = _paired_corners(found, true)
    seconds = np.clip(np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]), 0, None)
    hertz = np.clip(np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 2], b[..., 2]), 0, None)
    return _ratio(seconds * hertz, _areas(a) + _areas(b) - seconds * hertz)


def matched_pairs(iou: Float64, min_iou: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the events and labels of a one-to-one matching with as many pairs as the IoU allows (Hungarian method).

    Args:
        iou: `[events, labels]`.
        min_iou: The minimum IoU of a pair.
    """
    near = iou >= min_iou
    events, labels = linear_sum_assignment(near, maximize=True)
    kept = near[events, labels]
    return events[kept], labels[kept]


def count_events(
    found: Sequence[Event | Box], true: Sequence[Box], doubtful: Sequence[bool] | None = None
) -> EventCounts:
    """Return the counts of a one-to-one matching.

    Args:
        found: Events.
        true: Labels.
        doubtful: Marks events in unlabelled bins, which count only if they match a label.
    """
    doubt = np.zeros(len(found), bool) if doubtful is None else np.asarray(doubtful, bool)
    iou = box_iou(found, true)
    pairs = [matched_pairs(iou, min_iou) for min_iou in MIN_IOUS]
    counted = ~doubt
    for events, _ in pairs:
        counted[events] = True
    low = np.array([box.low_hz + box.high_hz < 2 * LOW_CALL_HZ for box in true], bool)
    return EventCounts(
        true=len(true),
        found=int(counted.sum()),
        matched=tuple(len(events) for events, _ in pairs),
        low_true=int(low.sum()),
        low_matched=int(low[pairs[0][1]].sum()),
    )


def count_covered(found: Sequence[Event | Box], true: Sequence[Box]) -> int:
    """Return how many labels have at least half their time inside events that overlap their band."""
    count = 0
    for box in true:
        any_band = np.isnan(box.low_hz)
        spans = sorted(
            (max(e.onset_s, box.onset_s), min(e.offset_s, box.offset_s))
            for e in found
            if e.onset_s < box.offset_s
            and e.offset_s > box.onset_s
            and (any_band or (e.low_hz < box.high_hz and e.high_hz > box.low_hz))
        )
        covered_s, end_s = 0.0, box.onset_s
        for onset_s, offset_s in spans:
            covered_s += max(0.0, offset_s - max(onset_s, end_s))
            end_s = max(end_s, offset_s)
        count += covered_s >= 0.5 * (box.offset_s - box.onset_s)
    return count


def count_found(found: Sequence[Event | Box], true: Sequence[Box]) -> int:
    """Return how many labels have an event that a person would accept, however its box is drawn.

    The boxes have an IoU of at least FOUND_MIN_IOU, or the centre of the event lies in the label and its box has at
    most FOUND_MAX_AREA times the label's area. For a label without a band, only times count.
    """
    a, b = _paired_corners(found, true)
    seconds, hertz = a[..., :2].mean(axis=-1), a[..., 2:].mean(axis=-1)
    inside = (b[..., 0] <= seconds) & (seconds <= b[..., 1]) & (b[..., 2] <= hertz) & (hertz <= b[..., 3])
    near = inside & (_areas(a) <= FOUND_MAX_AREA * _areas(b))
    return int((near | (box_iou(found, true) >= FOUND_MIN_IOU)).any(axis=0).sum())


def _paired_corners(found: Sequence[Event | Box], true: Sequence[Box]) -> tuple[Float64, Float64]:
    """Return the corners of the boxes of each pair, both with a band of 1 Hz where the label has none.

    Shape: both `[found, true, 4]`.
    """
    a, b = np.broadcast_arrays(_corners(found)[:, None, :], _corners(true)[None, :, :])
    no_band = np.isnan(b)
    band = (0.0, 0.0, 0.0, 1.0)
    return np.where(no_band, band, a), np.where(no_band, band, b)


def _areas(corners: Float64) -> Float64:
    return np.asarray((corners[..., 1] - corners[..., 0]) * (corners[..., 3] - corners[..., 2]))


def _corners(boxes: Sequence[Event | Box]) -> Float64:
    corners = [(b.onset_s, b.offset_s, b.low_hz, b.high_hz) for b in boxes]
    return np.array(corners, dtype=np.float64).reshape(-1, 4)


def _ratio(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)
