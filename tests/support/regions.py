"""Masks with drawn regions, and the events that the tracker finds in them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.event_tracker import EventTracker

Mask = NDArray[np.uint8]
Float32 = NDArray[np.float32]
GRID = Grid()


def of_any_score(**settings: float) -> EventSettings:
    """Return event settings without a minimum score and without cutting, so that a test can draw any region."""
    return EventSettings(**{"min_score": 0.0, "max_fill": 0.0, **settings})


# Every region is an event, and only neighbours (diagonals too) are joined.
BARE = of_any_score(gap_s=0.0, gap_hz=0.0, min_duration_s=0.0, min_area_hz_s=0.0)


def empty(frames: int = 100) -> Mask:
    """Return an empty mask."""
    return np.zeros((frames, 256), np.uint8)


def drawn(*boxes: tuple[int, int, int, int], frames: int = 100, value: int = 255) -> Mask:
    """Return a mask with boxes `(first_frame, frames, first_bin, bins)`."""
    mask = empty(frames)
    for first, length, low, width in boxes:
        mask[first : first + length, low : low + width] = value
    return mask


def events_of(
    mask: Mask,
    settings: EventSettings = BARE,
    chunk_frames: int = 16,
    level: Float32 | None = None,
    floor: Float32 | None = None,
    first_frame: int = 0,
) -> list[Event]:
    """Return the events of a mask that is pushed in chunks; level and floor are 0 if not given."""
    tracker = EventTracker(settings, GRID, first_frame)
    level = np.zeros(mask.shape, np.float32) if level is None else level
    floor = np.zeros(mask.shape, np.float32) if floor is None else floor
    events = []
    for i in range(0, len(mask), chunk_frames):
        part = slice(i, i + chunk_frames)
        events += tracker.push(mask[part], level[part], floor[part])
    return [event for event in [*events, *tracker.flush()] if not event.reason]


def boxes_of(events: list[Event]) -> list[tuple[int, int, int, int]]:
    """Return the boxes `(first_frame, frames, first_bin, bins)` of events, sorted."""
    return sorted((e.first_frame, len(e.mask), e.first_bin, e.mask.shape[1]) for e in events)
