"""Probabilities, duration and area decide whether a region is an event, and the event has the region's coordinates."""

import numpy as np
import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.event_tracker import EventTracker
from tests.support.regions import GRID, drawn, events_of, of_any_score


@pytest.mark.parametrize(
    ("box", "value", "events"),
    [
        ((10, 4, 50, 8), 255, 1),
        ((10, 3, 50, 8), 255, 0),  # 24 ms < 30 ms
        ((10, 4, 50, 4), 255, 1),  # 8 Hz s
        ((10, 5, 50, 3), 255, 0),  # 7.5 Hz s
        ((10, 4, 50, 8), 178, 1),
        ((10, 4, 50, 8), 177, 0),  # maximum < 0.7
        ((10, 4, 50, 8), 127, 0),  # below low_threshold
    ],
)
def test_regions_that_are_too_short_small_or_uncertain_are_not_events(box, value, events):
    assert len(events_of(drawn(box, value=value), of_any_score(min_duration_s=0.03))) == events


def test_a_region_with_a_mean_probability_below_min_score_is_not_an_event():
    mask = drawn((10, 20, 50, 10), value=200)
    mask[12, 52] = 255
    settings = EventSettings(min_score=200.5 / 255, max_fill=0.0)
    assert events_of(mask, settings) == []
    mask[10:12, 50:60] = 220
    assert len(events_of(mask, settings)) == 1


def test_the_coordinates_of_an_event_follow_from_its_bins():
    mask = drawn((10, 6, 50, 4), value=140)
    mask[12, 51] = 204
    mask[11, 52] = 100  # a hole: below low_threshold
    level, floor = np.full(mask.shape, 2.0, np.float32), np.zeros(mask.shape, np.float32)
    level[13, 53] = 3.0
    level[11, 52] = level[40, 200] = 9.0  # loud, but outside the mask
    floor[:, 50] = 1.0
    (event,) = events_of(mask, of_any_score(min_duration_s=0.03), 5, level, floor, first_frame=1000)
    assert event.first_frame == 1010
    assert event.onset_s == pytest.approx(0.008 + 1009.5 * 0.008)
    assert event.offset_s == pytest.approx(0.008 + 1015.5 * 0.008)
    assert event.duration_s == pytest.approx(6 * 0.008)
    assert (event.low_hz, event.high_hz) == (62.5 * 50.5, 62.5 * 54.5)
    assert event.peak_hz == 62.5 * 54
    assert event.score == pytest.approx((22 * 140 + 204) / 23 / 255)
    assert event.area_hz_s == pytest.approx(23 * 0.008 * 62.5)
    # 16 bins are 2 Np above the floor, one is 3 Np above it, and the six of the lowest bin are 1 Np above it.
    assert event.snr_db == pytest.approx((16 * 2 + 3 + 6 * 1) / 23 * 20 / np.log(10))
    expected = np.full((6, 4), 140, np.uint8)
    expected[2, 1], expected[1, 2] = 204, 0
    np.testing.assert_array_equal(event.mask, expected)
    assert event.first_bin == 50


def test_events_do_not_share_memory_with_the_pushed_arrays():
    tracker = EventTracker(of_any_score(), GRID)
    mask, level, floor = (
        drawn((10, 90, 50, 8)),
        np.ones((100, 256), np.float32),
        np.zeros((100, 256), np.float32),
    )
    tracker.push(mask, level, floor)
    for array in (mask, level, floor):
        array.fill(77)
    (event,) = tracker.flush()
    assert event.mask.min() == 255
    assert event.snr_db == pytest.approx(20 / np.log(10))


@pytest.mark.parametrize(
    "settings",
    [
        {"low_threshold": 0.8, "high_threshold": 0.7},
        {"low_threshold": 0.0},
        {"high_threshold": 1.1},
        {"min_score": 1.1},
        {"saddle_db": -0.1},
        {"max_fill": 1.1},
        {"box_range_db": -1.0},
        {"gap_s": -0.1},
        {"gap_hz": -1.0},
        {"max_duration_s": 0.5},
    ],
)
def test_invalid_event_settings_are_refused(settings):
    with pytest.raises(SettingsError, match="must"):
        EventSettings(**settings)
