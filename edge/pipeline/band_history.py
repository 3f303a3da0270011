"""The past of a region's band: how busy it was, whether it held an event, and how many regions were alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

HISTORY_S = (10.0, 30.0, 60.0)  # spans over which the busy share of a band is measured
ALIKE = 0.5  # minimum ratio of the bands, and of the durations, of two alike regions
MAX_REGIONS = 1024


class Span(NamedTuple):
    """The extent of a region in frames and bins; the ends are exclusive."""

    first_frame: int
    end_frame: int
    low: int
    high: int


class BandHistory:
    """The spans of the last regions of a stream.

    Args:
        hop_s: Seconds between frames.
    """

    def __init__(self, hop_s: float) -> None:
        self._frames = [round(s / hop_s) for s in HISTORY_S]
        self._spans = np.full((MAX_REGIONS, 4), -1, np.int64)  # one Span per row; the oldest is overwritten
        self._events = np.zeros(MAX_REGIONS, bool)  # whether each was an event regardless of its past
        self._added = 0

    def add(self, span: Span, is_event: bool) -> None:
        """Add the span of a closed region, and whether it is an event regardless of its past."""
        self._spans[self._added % MAX_REGIONS] = span
        self._events[self._added % MAX_REGIONS] = is_event
        self._added += 1

    def held_event(self, span: Span, frames: int, besides: Sequence[Span]) -> bool:
        """Return whether an event, or a span of `besides`, is in the band up to `frames` frames before a region."""
        known = self._events[: self._added]
        events = np.concatenate([self._spans[: self._added][known], np.reshape(besides, (-1, 4))])
        in_band = np.minimum(events[:, 3], span.high) > np.maximum(events[:, 2], span.low)
        return bool((in_band & (events[:, 1] > span.first_frame - frames)).any())

    def before(self, span: Span) -> tuple[list[float], int]:
        """Return how busy the band was over each of HISTORY_S before a region, and how many regions were alike."""
        past = self._spans[: self._added]
        longest = self._frames[-1]
        oldest = span.first_frame - longest
        band, length = span.high - span.low, span.end_frame - span.first_frame
        shared = np.minimum(past[:, 3], span.high) - np.maximum(past[:, 2], span.low)
        near = past[(shared >= ALIKE * band) & (past[:, 1] > oldest)].tolist()
        used, covered, alike = [0] * len(self._frames), oldest, 0
        for first, end, low, high in sorted(near):
            # Frames that an earlier region covers are not counted twice.
            covered, begin = max(covered, end), max(covered, first)
            for i, frames in enumerate(self._frames):
                used[i] += max(0, min(end, span.first_frame) - max(begin, span.first_frame - frames))
            alike += _are_alike(end - first, length) and _are_alike(high - low, band)
        return [count / frames for count, frames in zip(used, self._frames, strict=True)], alike


def _are_alike(one: int, other: int) -> bool:
    return min(one, other) >= ALIKE * max(one, other)
