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


@dataclass(frozen=True)
class EventCounts:
    """The number of labels, of events and of matched pairs in a recording; pairs at each of MIN_IOUS."""

    true: int
    found: int
    matched: tuple[int, ...]


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
    events = events_of(probability, level, level, EventSettings(high_threshold=0.5, min_score=0.0))
    return [Box(e.onset_s, e.offset_s, e.low_hz, e.high_hz) for e in events]


def _nearest(centres: Float64, wanted: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of the centre nearest to each wanted place, -1 or `len(centres)` outside."""
    index: NDArray[np.int64] = np.round((wanted - centres[0]) / (centres[1] - centres[0])).astype(np.int64)
    return np.clip(index, -1, len(centres))


def box_iou(found: Sequence[Event | Box], true: Sequence[Box]) -> Float64:
    """Return the intersection over union in time and frequency, in time alone for a label without a band.

    Shape: `[found, true]`.
    """
    a, b = _corners(found)[:, None, :], _corners(true)[None, :, :]
    seconds = np.clip(np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0]), 0, None)
    hertz = np.clip(np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 2], b[..., 2]), 0, None)
    area_a, area_b = ((c[..., 1] - c[..., 0]) * (c[..., 3] - c[..., 2]) for c in (a, b))
    areas = _ratio(seconds * hertz, area_a + area_b - seconds * hertz)
    times = _ratio(seconds, (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - seconds)
    return np.where(np.isnan(b[..., 2]), times, areas)


def count_events(
    found: Sequence[Event | Box], true: Sequence[Box], doubtful: Sequence[bool] | None = None
) -> EventCounts:
    """Return the counts of a one-to-one matching with as many pairs as the IoU allows (Hungarian method).

    Args:
        found: Events.
        true: Labels.
        doubtful: Marks events in unlabelled bins, which count only if they match a label.
    """
    doubt = np.zeros(len(found), bool) if doubtful is None else np.asarray(doubtful, bool)
    iou = box_iou(found, true)
    matched = []
    counted = ~doubt
    for min_iou in MIN_IOUS:
        near = iou >= min_iou
        pairs = linear_sum_assignment(near, maximize=True)
        matched.append(int(near[pairs].sum()))
        counted[pairs[0][near[pairs]]] = True
    return EventCounts(len(true), int(counted.sum()), tuple(matched))


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


def _corners(boxes: Sequence[Event | Box]) -> Float64:
    corners = [(b.onset_s, b.offset_s, b.low_hz, b.high_hz) for b in boxes]
    return np.array(corners, dtype=np.float64).reshape(-1, 4)


def _ratio(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)
