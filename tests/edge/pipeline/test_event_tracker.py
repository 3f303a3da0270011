"""Regions of the mask become events, once each, and the same for any division of the stream."""

import time
from dataclasses import fields

import numpy as np
import pytest
from scipy import ndimage

from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.synthesis.soundscape import soundscape

GRID = Grid()


def of_any_score(**settings):
    """Event settings that ask for no mean probability, so that a test may draw any."""
    return EventSettings(**{"min_score": 0.0, **settings})


# Everything of at least one bin is an event, and only neighbours (diagonals too) are joined.
BARE = of_any_score(gap_s=0.0, gap_hz=0.0, min_duration_s=0.0, min_area_hz_s=0.0)


def empty(frames=100):
    return np.zeros((frames, 256), np.uint8)


def drawn(*boxes, frames=100, value=255):
    """A mask of boxes `(first_frame, frames, first_bin, bins)`."""
    mask = empty(frames)
    for first, length, low, width in boxes:
        mask[first : first + length, low : low + width] = value
    return mask


def events_of(mask, settings=BARE, chunk_frames=16, level=None, floor=None, first_frame=0):
    tracker = EventTracker(settings, GRID, first_frame)
    level = np.zeros(mask.shape, np.float32) if level is None else level
    floor = np.zeros(mask.shape, np.float32) if floor is None else floor
    events = []
    for i in range(0, len(mask), chunk_frames):
        part = slice(i, i + chunk_frames)
        events += tracker.push(mask[part], level[part], floor[part])
    return events + tracker.flush()


def boxes_of(events):
    return sorted((e.first_frame, len(e.mask), e.first_bin, e.mask.shape[1]) for e in events)


def blobs(seed, frames=600, share=0.3):
    """Cloudy regions of many sizes, some of them seconds long."""
    rng = np.random.default_rng(seed)
    cloud = ndimage.gaussian_filter(rng.standard_normal((frames, 256)), (4.0, 2.0))
    # The threshold of 0.5 lies at the share's quantile.
    cloud += 0.5 * cloud.std() - np.quantile(cloud, 1 - share)
    mask = np.clip(255 * cloud / cloud.std(), 0, 255).astype(np.uint8)
    level, floor = rng.standard_normal((2, *mask.shape)).astype(np.float32)
    return mask, level, floor


def same(a: Event, b: Event) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Event))


@pytest.mark.parametrize("seed", range(4))
def test_without_gaps_events_are_the_eight_connected_components(seed):
    mask, _, _ = blobs(seed, frames=240)
    kept = mask >= 128
    labels, count = ndimage.label(kept, np.ones((3, 3), bool))
    started = [i for i in range(1, count + 1) if mask[labels == i].max() >= 178]
    assert len(started) > 30
    events = events_of(mask)
    assert len(events) == len(started)
    found = np.zeros_like(mask)
    for event in events:
        numbers = np.unique(
            labels[event.first_frame :, event.first_bin :][: len(event.mask)][:, : event.mask.shape[1]][
                event.mask > 0
            ]
        )
        assert len(numbers) == 1
        assert numbers[0] in started
        component = labels == numbers[0]
        assert np.count_nonzero(event.mask) == component.sum()
        found[event.first_frame :, event.first_bin :][: len(event.mask), : event.mask.shape[1]] |= event.mask
    np.testing.assert_array_equal(found, np.where(np.isin(labels, started), mask, 0))


@pytest.mark.parametrize(("gap_frames", "gap_bins"), [(1, 0), (0, 1), (2, 3)])
def test_with_gaps_events_are_the_components_of_spans_within_reach(gap_frames, gap_bins):
    """The slow reference: every pair of runs compared, joined transitively."""
    rng = np.random.default_rng(5)
    mask = (ndimage.gaussian_filter(rng.standard_normal((60, 256)), 1.2) > 0.28).astype(np.uint8) * 255
    settings = of_any_score(
        gap_s=gap_frames * GRID.hop_s, gap_hz=gap_bins * GRID.bin_hz, min_duration_s=0.0, min_area_hz_s=0.0
    )
    spans = []
    for t, row in enumerate(mask):
        labels, count = ndimage.label(ndimage.binary_closing(np.pad(row > 0, 9), np.ones(gap_bins + 1))[9:-9])
        spans += [(t, s.start, s.stop) for (s,) in ndimage.find_objects(labels)]
        assert count == len([s for s in spans if s[0] == t])
    group = list(range(len(spans)))
    for i, (t, low, high) in enumerate(spans):
        for j, (u, other_low, other_high) in enumerate(spans[:i]):
            near = low - other_high <= gap_bins and other_low - high <= gap_bins
            if t - u <= gap_frames + 1 and near and group[i] != group[j]:
                group = [group[i] if g == group[j] else g for g in group]
    expected = []
    for number in set(group):
        members = np.array([s for s, g in zip(spans, group, strict=True) if g == number])
        first, low = members[:, 0].min(), members[:, 1].min()
        expected.append((first, members[:, 0].max() + 1 - first, low, members[:, 2].max() - low))
    assert len(expected) > 20
    assert boxes_of(events_of(mask, settings)) == sorted(expected)


@pytest.mark.parametrize("chunk_frames", [1, 7, 16, 509])
@pytest.mark.parametrize("settings", [of_any_score(), of_any_score(max_duration_s=1.0), BARE])
def test_any_division_gives_the_same_events_in_the_same_order(chunk_frames, settings):
    for seed in range(2):
        mask, level, floor = blobs(seed, share=0.1)
        whole = events_of(mask, settings, len(mask), level, floor)
        divided = events_of(mask, settings, chunk_frames, level, floor)
        assert len(whole) == len(divided) > 5
        assert all(same(a, b) for a, b in zip(whole, divided, strict=True))


def test_an_event_across_chunk_borders_comes_once_when_its_gap_has_passed():
    mask = drawn((10, 40, 20, 8))
    tracker = EventTracker(of_any_score(gap_s=0.08), GRID)
    zero = np.zeros((1, 256), np.float32)
    closed_at = [t for t in range(100) for _ in tracker.push(mask[t : t + 1], zero, zero)]
    # The last frame is 49; a pause of ten frames could still have been followed.
    assert closed_at == [60]
    assert tracker.flush() == []


@pytest.mark.parametrize(("pause_frames", "events"), [(4, 1), (5, 1), (6, 2)])
def test_a_pause_is_joined_up_to_the_limit_and_not_beyond(pause_frames, events):
    settings = of_any_score(gap_s=0.04, gap_hz=0.0, min_duration_s=0.0, min_area_hz_s=0.0)
    mask = drawn((10, 5, 50, 3), (15 + pause_frames, 5, 50, 3))
    assert len(events_of(mask, settings)) == events


@pytest.mark.parametrize(("hole_bins", "events"), [(3, 1), (4, 1), (5, 2)])
def test_a_hole_in_frequency_is_joined_up_to_the_limit_and_not_beyond(hole_bins, events):
    settings = of_any_score(gap_s=0.0, gap_hz=250.0, min_duration_s=0.0, min_area_hz_s=0.0)
    at_once = drawn((10, 5, 50, 3), (10, 5, 53 + hole_bins, 3))
    in_steps = drawn((10, 5, 50, 3), (15, 5, 53 + hole_bins, 3))
    downward = drawn((10, 5, 53 + hole_bins, 3), (15, 5, 50, 3))
    for mask in (at_once, in_steps, downward):
        assert len(events_of(mask, settings)) == events


def test_two_regions_that_meet_later_become_one():
    u_shape = drawn((10, 20, 50, 3), (12, 18, 80, 3), (28, 2, 50, 33))
    assert boxes_of(events_of(u_shape)) == [(10, 20, 50, 33)]
    v_shape = empty()
    for step in range(20):
        v_shape[10 + step, [50 + step, 89 - step]] = 255
    assert boxes_of(events_of(v_shape)) == [(10, 20, 50, 40)]
    # One that parts later is one from the beginning.
    assert boxes_of(events_of(v_shape[::-1])) == [(70, 20, 50, 40)]


def test_three_regions_met_by_one_sweep_become_one_that_begins_with_the_first():
    comb = drawn((14, 6, 50, 2), (10, 10, 60, 2), (12, 8, 70, 2), (20, 1, 50, 22))
    assert boxes_of(events_of(comb)) == [(10, 11, 50, 22)]


def test_an_endless_sound_is_closed_at_the_longest_and_a_new_event_begins():
    settings = of_any_score(max_duration_s=1.0)
    events = events_of(drawn((10, 300, 50, 8), frames=400), settings)
    assert [(e.first_frame, len(e.mask)) for e in events] == [(10, 125), (135, 125), (260, 50)]


@pytest.mark.parametrize(
    ("box", "value", "events"),
    [
        ((10, 4, 50, 8), 255, 1),
        ((10, 3, 50, 8), 255, 0),  # 24 ms, shorter than 30
        ((10, 4, 50, 4), 255, 1),  # 8 Hz s
        ((10, 5, 50, 3), 255, 0),  # 7.5 Hz s
        ((10, 4, 50, 8), 178, 1),
        ((10, 4, 50, 8), 177, 0),  # never reaches 0.7
        ((10, 4, 50, 8), 127, 0),  # not even kept
    ],
)
def test_what_is_too_short_too_small_or_too_unsure_is_no_event(box, value, events):
    assert len(events_of(drawn(box, value=value), of_any_score(min_duration_s=0.03))) == events


def test_an_event_whose_mean_probability_is_under_the_lowest_score_is_none():
    mask = drawn((10, 20, 50, 10), value=200)
    mask[12, 52] = 255
    settings = EventSettings(min_score=200.5 / 255)
    assert events_of(mask, settings) == []
    mask[10:12, 50:60] = 220
    assert len(events_of(mask, settings)) == 1


def test_a_larger_event_needs_a_lower_score_and_a_smaller_one_a_higher():
    """100 Hz s are 200 bins: ten times as many need 0.02 less than 0.8, that is 198.9 of 255."""
    settings = EventSettings(min_score=0.8, min_score_drop_per_decade=0.02)
    hundred, thousand, ten = (10, 20, 50, 10), (10, 50, 50, 40), (10, 10, 50, 2)
    for box, value, events in (
        (hundred, 203, 0),
        (hundred, 204, 1),
        (thousand, 198, 0),
        (thousand, 199, 1),
        (ten, 209, 0),
        (ten, 210, 1),
    ):
        mask = drawn(box, value=value)
        first, _, low, _ = box
        mask[first, low] = 255  # one bin that an event starts from
        mask[first, low + 1] = 2 * value - 255
        assert len(events_of(mask, settings)) == events, (box, value)


def test_the_coordinates_of_an_event_are_those_of_its_bins():
    mask = drawn((10, 6, 50, 4), value=140)
    mask[12, 51] = 204
    mask[11, 52] = 100  # a hole: under low_threshold
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
    # 16 bins 2 Np over the floor, one 3 Np, and six of the lowest bin 1 Np.
    assert event.snr_db == pytest.approx((16 * 2 + 3 + 6 * 1) / 23 * 20 / np.log(10))
    expected = np.full((6, 4), 140, np.uint8)
    expected[2, 1], expected[1, 2] = 204, 0
    np.testing.assert_array_equal(event.mask, expected)
    assert event.first_bin == 50


def test_events_outlive_the_arrays_they_were_made_from():
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


def test_flush_closes_what_is_open_and_nothing_twice():
    tracker = EventTracker(of_any_score(), GRID)
    zero = np.zeros((100, 256), np.float32)
    assert tracker.push(drawn((90, 10, 20, 8)), zero, zero) == []
    assert boxes_of(tracker.flush()) == [(90, 10, 20, 8)]
    assert tracker.flush() == []


def test_no_frames_and_silence_give_no_events():
    assert events_of(empty(0)) == []
    assert events_of(empty(300)) == []


def test_tracking_a_busy_minute_costs_under_4_times_its_spectrogram():
    # CPU seconds differ by machine and by what runs beside, their ratio little; so the two take turns.
    scene = soundscape(60.0, seed=1, calls_per_minute=30)
    mask = np.where(scene.mask, np.uint8(255), np.uint8(0))
    assert 0.25 < mask.any(axis=1).mean() < 0.4
    tracking_s, spectrogram_s = [], []
    for _ in range(4):
        began_s = time.process_time()
        Spectrogram(GRID).push(scene.samples)
        between_s = time.process_time()
        events_of(mask, of_any_score())
        spectrogram_s.append(between_s - began_s)
        tracking_s.append(time.process_time() - between_s)
    assert min(tracking_s) < 4 * min(spectrogram_s)


@pytest.mark.parametrize(
    "settings",
    [
        {"low_threshold": 0.8, "high_threshold": 0.7},
        {"low_threshold": 0.0},
        {"high_threshold": 1.1},
        {"min_score": 1.1},
        {"min_score_drop_per_decade": -0.1},
        {"gap_s": -0.1},
        {"gap_hz": -1.0},
        {"max_duration_s": 0.5},
    ],
)
def test_settings_that_cannot_be_are_refused(settings):
    with pytest.raises(SettingsError, match="must"):
        EventSettings(**settings)
