"""The shape of an event in time and frequency: its box, or the outline of its mask, as GeoJSON-like geometry."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from birdedge.edge.event import Event
from birdedge.edge.formats.aoef import AoefEvent
from birdedge.edge.formats.outline import Bool, Polygon, outline, simplified
from birdedge.edge.mask import Mask

# How far the mask may reach beyond the box, which is tight around the energy; anything farther is another sound.
MARGIN_S = 0.25
MARGIN_HZ = 1500.0
TIME_DECIMALS, FREQUENCY_DECIMALS = 6, 3  # far less than half a frame or bin


def box_geometry(event: Event) -> dict[str, Any]:
    """Return the box of an event."""
    onset_s, offset_s = round(event.onset_s, TIME_DECIMALS), round(event.offset_s, TIME_DECIMALS)
    low_hz, high_hz = round(event.low_hz, FREQUENCY_DECIMALS), round(event.high_hz, FREQUENCY_DECIMALS)
    return {"type": "BoundingBox", "coordinates": [onset_s, low_hz, offset_s, high_hz]}


def shaped_events(events: Sequence[Event], mask: Mask | None, tolerance: float = 0.0) -> list[AoefEvent]:
    """Return the events of a recording with their outlines, or with their boxes if it has no mask."""
    if mask is None:
        return [AoefEvent(event, box_geometry(event)) for event in events]
    ordered = sorted(events, key=lambda event: event.onset_s)
    onsets_s = [event.onset_s for event in ordered]
    max_duration_s = max((event.duration_s for event in ordered), default=0.0)
    near_s = MARGIN_S + 2 * mask.hop_s  # boxes that share a frame, wherever in it they begin
    shaped = []
    for event in events:
        first = bisect_left(onsets_s, event.onset_s - near_s - max_duration_s)
        last = bisect_right(onsets_s, event.offset_s + near_s)
        shaped.append(AoefEvent(event, event_geometry(event, mask, ordered[first:last], tolerance)))
    return shaped


def event_geometry(
    event: Event, mask: Mask, others: Iterable[Event] = (), tolerance: float = 0.0
) -> dict[str, Any]:
    """Return the outline of an event along the edges of bins, or its box if its mask is empty.

    Args:
        event: The event; its times count from the same moment as those of the mask.
        mask: Mask of the recording.
        others: Events that may be near the event.
        tolerance: Tolerance for thinning the outline, in frames and bins; 0 for the exact outline.
    """
    first_frame, first_bin, inside = event_mask(event, mask, others)
    polygons = outline(inside)
    if not polygons:
        return box_geometry(event)
    if tolerance:
        polygons = simplified(polygons, tolerance)
    coordinates = [_coordinates(polygon, first_frame, first_bin, mask) for polygon in polygons]
    if len(coordinates) == 1:
        return {"type": "Polygon", "coordinates": coordinates[0]}
    return {"type": "MultiPolygon", "coordinates": coordinates}


def event_mask(event: Event, mask: Mask, others: Iterable[Event] = ()) -> tuple[int, int, Bool]:
    """Return the first frame, the first bin and the bins of an event that reach the threshold.

    A bin belongs to an event if a path of such bins leads from it into the box of the event, within the margins and not
    through the box of another event.

    Shape: `[frames, bins]` of the bins.
    """
    near = _slices(mask, event, MARGIN_S, MARGIN_HZ)
    inside = mask.mask[near] >= max(1, round(255 * mask.threshold))
    box = _within(near, _slices(mask, event))
    own = np.zeros_like(inside)
    own[box] = True
    for other in others:
        if (other.onset_s, other.low_hz) != (event.onset_s, event.low_hz):
            inside[_within(near, _slices(mask, other))] &= own[_within(near, _slices(mask, other))]
    return near[0].start, near[1].start, _grown(inside & own, inside)


def _slices(mask: Mask, event: Event, margin_s: float = 0.0, margin_hz: float = 0.0) -> tuple[slice, slice]:
    """Return the frames and bins of the box of an event with a margin."""
    # Edges of the first frame and bin.
    frame_s, bin_hz = mask.first_frame_s - mask.hop_s / 2, mask.low_hz - mask.bin_hz / 2
    times_s = event.onset_s - margin_s - frame_s, event.offset_s + margin_s - frame_s
    hz = event.low_hz - margin_hz - bin_hz, event.high_hz + margin_hz - bin_hz
    frames, bins = mask.mask.shape
    return (
        _slice(times_s[0] / mask.hop_s, times_s[1] / mask.hop_s, frames),
        _slice(hz[0] / mask.bin_hz, hz[1] / mask.bin_hz, bins),
    )


def _within(near: tuple[slice, slice], box: tuple[slice, slice]) -> tuple[slice, slice]:
    """Return a box relative to the start of another box, and clipped to it."""
    cut = [
        slice(
            min(max(0, inner.start - outer.start), outer.stop - outer.start),
            max(0, min(inner.stop, outer.stop) - outer.start),
        )
        for outer, inner in zip(near, box, strict=True)
    ]
    return cut[0], cut[1]


def _slice(begin: float, end: float, length: int) -> slice:
    """Return the existing bins that a span overlaps by more than a rounding error, and at least one."""
    first = min(max(0, int(np.floor(begin + 1e-6))), length)
    return slice(first, min(max(first + 1, int(np.ceil(end - 1e-6))), length))


def _grown(seeds: Bool, inside: Bool) -> Bool:
    """Return the bins that are connected to the seeds, also diagonally."""
    while True:
        padded = np.pad(seeds, 1)
        wide = padded[:-2] | padded[1:-1] | padded[2:]
        grown: Bool = (wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]) & inside
        if np.array_equal(grown, seeds):
            return grown
        seeds = grown


def _coordinates(polygon: Polygon, first_frame: int, first_bin: int, mask: Mask) -> list[list[list[float]]]:
    """Return the rings of a polygon in seconds and hertz; no frequency is below 0."""
    rings = []
    for ring in polygon:
        vertices = np.add(ring, (first_frame - 0.5, first_bin - 0.5))
        times_s = mask.first_frame_s + vertices[:, 0] * mask.hop_s
        hz = mask.low_hz + vertices[:, 1] * mask.bin_hz
        rings.append(
            [
                [max(0.0, round(t, TIME_DECIMALS)), max(0.0, round(f, FREQUENCY_DECIMALS))]
                for t, f in zip(times_s.tolist(), hz.tolist(), strict=True)
            ]
        )
    return rings
