"""The outlines of events in seconds and hertz."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from birdedge.edge.archive.segment import segment
from birdedge.edge.event import Event
from birdedge.edge.formats.event_shape import event_geometry, event_mask, shaped_events
from birdedge.edge.formats.outline import is_inside
from birdedge.edge.mask import NO_MASK, Mask
from birdedge.edge.synthesis.soundscape import soundscape


def an_event(onset_s: float, offset_s: float, low_hz: float, high_hz: float) -> Event:
    return Event(onset_s, offset_s, low_hz, high_hz, low_hz, 0.97, 10.0, 6.0, 0, 0, NO_MASK)


def a_mask(inside: NDArray[np.bool_], hop_s: float = 0.008) -> Mask:
    return Mask(np.where(inside, 255, 100).astype(np.uint8), hop_s, 0.008, 62.5, 62.5, 0.5)


def rasterized(geometry: dict[str, Any], mask: Mask) -> NDArray[np.bool_]:
    """Return the bins whose centres lie in a geometry, as any other program would draw it."""
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    frames, bins = mask.mask.shape
    drawn = np.zeros((frames, bins), bool)
    for t, b in np.ndindex(frames, bins):
        centre = mask.first_frame_s + t * mask.hop_s, mask.low_hz + b * mask.bin_hz
        drawn[t, b] = sum(is_inside(*centre, ring) for polygon in polygons for ring in polygon) % 2
    return drawn


@pytest.mark.parametrize("hop_s", [0.008, 0.008 * (1 + 40e-6)])
def test_an_outline_rasterizes_back_to_the_mask_bit_for_bit(hop_s: float) -> None:
    inside = np.random.default_rng(3).random((30, 20)) < 0.6
    mask = a_mask(inside, hop_s)
    whole = an_event(0.0, 30 * hop_s + 0.008, 0.0, 21 * 62.5)
    np.testing.assert_array_equal(rasterized(event_geometry(whole, mask), mask), inside)


def test_the_shape_extends_beyond_the_box_as_far_as_the_mask_is_connected() -> None:
    inside = np.zeros((60, 40), bool)
    inside[20:30, 10:16] = True
    inside[28:34, 15:18] = True  # leads out of the box
    inside[40:44, 10:16] = True  # another sound
    first_frame, first_bin, shape = event_mask(an_event(0.17, 0.24, 700.0, 1000.0), a_mask(inside))
    whole = np.zeros_like(inside)
    whole[first_frame:, first_bin:][: shape.shape[0], : shape.shape[1]] = shape
    expected = inside.copy()
    expected[40:44] = False
    np.testing.assert_array_equal(whole, expected)


def test_bins_in_the_box_of_another_event_belong_to_that_one() -> None:
    inside = np.zeros((60, 40), bool)
    inside[20:40, 10:16] = True
    left, right = an_event(0.164, 0.244, 656.25, 1031.25), an_event(0.244, 0.324, 656.25, 1031.25)
    mask = a_mask(inside)
    sizes = [int(event_mask(one, mask, (left, right))[2].sum()) for one in (left, right)]
    assert sizes == [60, 60]
    assert int(event_mask(left, mask)[2].sum()) == 120


@pytest.mark.parametrize("onset_s", [0.1, 100.0])
def test_an_event_without_a_mask_has_its_box(onset_s: float) -> None:
    nothing = a_mask(np.zeros((60, 40), bool))
    geometry = event_geometry(an_event(onset_s, onset_s + 0.1, 700.0, 1000.0), nothing)
    assert geometry == {
        "type": "BoundingBox",
        "coordinates": [onset_s, 700.0, pytest.approx(onset_s + 0.1), 1000.0],
    }


def test_shaping_many_events_equals_shaping_each_among_all_of_them() -> None:
    random = np.random.default_rng(5)
    mask = a_mask(random.random((400, 60)) < 0.7)
    events = [
        an_event(onset_s, onset_s + random.uniform(0.05, 0.6), low_hz, low_hz + 800.0)
        for onset_s, low_hz in zip(random.uniform(0, 3, 12), random.uniform(100, 2500, 12), strict=True)
    ]
    shaped = shaped_events(events, mask)
    assert [one.event for one in shaped] == events
    assert [one.geometry for one in shaped] == [event_geometry(event, mask, events) for event in events]


def test_an_event_that_overlaps_no_other_has_exactly_the_bins_of_its_mask(
    tmp_path: Path,
) -> None:
    soundfile.write(tmp_path / "scene.wav", soundscape(20.0, 20, 60.0).samples, 32_000)
    found = segment(tmp_path / "scene.wav")
    assert found.mask is not None
    alone = 0
    for event in found.events:
        if any(
            other is not event
            and other.onset_s < event.offset_s + 0.2
            and event.onset_s < other.offset_s + 0.2
            for other in found.events
        ):
            continue
        first_frame, first_bin, bins = event_mask(event, found.mask, found.events)
        drawn, given = np.zeros(found.mask.mask.shape, bool), np.zeros(found.mask.mask.shape, bool)
        drawn[first_frame:, first_bin:][: bins.shape[0], : bins.shape[1]] = bins
        frames, columns = event.mask.shape
        given[event.first_frame :, event.first_bin :][:frames, :columns] = event.mask > 0
        np.testing.assert_array_equal(drawn, given)
        alone += 1
    assert alone >= 3
