"""Regions of the mask become events, once each, and the same events however the stream is divided."""

import time
from dataclasses import fields

import numpy as np
import pytest
from scipy import ndimage

from birdedge.edge.event import Event
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.regions import BARE, GRID, boxes_of, drawn, empty, events_of, of_any_score


def blobs(seed, frames=600, share=0.3):
    """Return a mask with cloudy regions of many sizes, some of them seconds long, with levels and a floor."""
    rng = np.random.default_rng(seed)
    cloud = ndimage.gaussian_filter(rng.standard_normal((frames, 256)), (4.0, 2.0))
    # The threshold of 0.5 lies at the quantile of the share.
    cloud += 0.5 * cloud.std() - np.quantile(cloud, 1 - share)
    mask = np.clip(255 * cloud / cloud.std(), 0, 255).astype(np.uint8)
    level, floor = rng.standard_normal((2, *mask.shape)).astype(np.float32)
    return mask, level, floor


def same(a: Event, b: Event) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for f in fields(Event))


@pytest.mark.parametrize("seed", range(4))
def test_without_gaps_events_are_the_8_connected_components(seed):
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
def test_events_with_gaps_equal_those_of_a_brute_force_comparison(gap_frames, gap_bins):
    """The slow reference compares every pair of runs, and joins them transitively."""
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


def test_an_event_across_chunks_closes_once_its_gap_has_passed():
    mask = drawn((10, 40, 20, 8))
    tracker = EventTracker(of_any_score(gap_s=0.08), GRID)
    zero = np.zeros((1, 256), np.float32)
    closed_at = [t for t in range(100) for _ in tracker.push(mask[t : t + 1], zero, zero)]
    # Its last frame is 49, and a pause of ten frames could still be bridged.
    assert closed_at == [60]
    assert tracker.flush() == []


@pytest.mark.parametrize(("pause_frames", "events"), [(4, 1), (5, 1), (6, 2)])
def test_pauses_up_to_gap_s_are_bridged(pause_frames, events):
    settings = of_any_score(gap_s=0.04, gap_hz=0.0, min_duration_s=0.0, min_area_hz_s=0.0)
    mask = drawn((10, 5, 50, 3), (15 + pause_frames, 5, 50, 3))
    assert len(events_of(mask, settings)) == events


@pytest.mark.parametrize(("hole_bins", "events"), [(3, 1), (4, 1), (5, 2)])
def test_holes_in_frequency_up_to_gap_hz_are_bridged(hole_bins, events):
    settings = of_any_score(gap_s=0.0, gap_hz=250.0, min_duration_s=0.0, min_area_hz_s=0.0)
    at_once = drawn((10, 5, 50, 3), (10, 5, 53 + hole_bins, 3))
    in_steps = drawn((10, 5, 50, 3), (15, 5, 53 + hole_bins, 3))
    downward = drawn((10, 5, 53 + hole_bins, 3), (15, 5, 50, 3))
    for mask in (at_once, in_steps, downward):
        assert len(events_of(mask, settings)) == events


def test_regions_that_meet_later_are_merged():
    u_shape = drawn((10, 20, 50, 3), (12, 18, 80, 3), (28, 2, 50, 33))
    assert boxes_of(events_of(u_shape)) == [(10, 20, 50, 33)]
    v_shape = empty()
    for step in range(20):
        v_shape[10 + step, [50 + step, 89 - step]] = 255
    assert boxes_of(events_of(v_shape)) == [(10, 20, 50, 40)]
    # A region that splits later is one region.
    assert boxes_of(events_of(v_shape[::-1])) == [(70, 20, 50, 40)]


def test_three_regions_joined_by_one_run_start_with_the_earliest():
    comb = drawn((14, 6, 50, 2), (10, 10, 60, 2), (12, 8, 70, 2), (20, 1, 50, 22))
    assert boxes_of(events_of(comb)) == [(10, 11, 50, 22)]


def test_a_region_closes_at_max_duration_and_a_new_one_starts():
    settings = of_any_score(max_duration_s=1.0)
    events = events_of(drawn((10, 300, 50, 8), frames=400), settings)
    assert [(e.first_frame, len(e.mask)) for e in events] == [(10, 125), (135, 125), (260, 50)]


def test_flush_closes_open_regions_once():
    tracker = EventTracker(of_any_score(), GRID)
    zero = np.zeros((100, 256), np.float32)
    assert tracker.push(drawn((90, 10, 20, 8)), zero, zero) == []
    assert boxes_of(tracker.flush()) == [(90, 10, 20, 8)]
    assert tracker.flush() == []


def test_neither_no_frames_nor_silence_gives_events():
    assert events_of(empty(0)) == []
    assert events_of(empty(300)) == []


def test_tracking_a_busy_minute_costs_less_than_4_spectrograms():
    # CPU times depend on the machine and its load, but their ratio hardly does if the two measurements alternate.
    scene = soundscape(60.0, seed=1, calls_per_minute=30)
    mask = np.where(scene.mask, np.uint8(255), np.uint8(0))
    assert 0.25 < mask.any(axis=1).mean() < 0.4
    tracking_s, spectrogram_s = [], []
    for _ in range(4):
        started_s = time.process_time()
        Spectrogram(GRID).push(scene.samples)
        between_s = time.process_time()
        events_of(mask, of_any_score())
        spectrogram_s.append(between_s - started_s)
        tracking_s.append(time.process_time() - between_s)
    assert min(tracking_s) < 4 * min(spectrogram_s)
