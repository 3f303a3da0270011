"""Scores, classes and reasons of regions, from the class map."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.pipeline.event_tracker import EventTracker
from birdedge.edge.sound_classes import SOUND_CLASSES
from tests.support.regions import GRID, drawn

Float32 = NDArray[np.float32]
BIRD, INSECT = SOUND_CLASSES.index("bird"), SOUND_CLASSES.index("insect")


def class_map(frames: int = 100) -> Float32:
    """Return a class map without any evidence."""
    return np.zeros((-(-frames // 4), GRID.bins // 4, len(SOUND_CLASSES)), np.float32)


def tracked(
    mask: NDArray[np.uint8],
    classes: Float32,
    settings: EventSettings | None = None,
    level: Float32 | None = None,
    first_frame: int = 0,
    chunk_frames: int = 16,
    grid: Grid = GRID,
) -> list[Event]:
    """Return all regions of a mask, events and rejected ones."""
    tracker = EventTracker(settings or EventSettings(max_fill=0.0), grid, first_frame)
    level = np.zeros(mask.shape, np.float32) if level is None else level
    found = []
    for i in range(0, len(mask), chunk_frames):
        part = slice(i, i + chunk_frames)
        rows = classes[i // 4 : -(-(i + chunk_frames) // 4)].copy()
        found += tracker.push(mask[part], level[part], np.zeros_like(level[part]), rows)
        rows.fill(np.nan)  # like a caller that reuses its array
    return found + tracker.flush()


@pytest.mark.parametrize("first_frame", [0, 1000, 1003])
@pytest.mark.parametrize("box", [(10, 20, 50, 10), (13, 17, 51, 9), (0, 100, 0, 3), (96, 8, 250, 6)])
def test_the_score_is_the_softmax_of_the_mean_of_the_map_over_the_region(
    box: tuple[int, int, int, int], first_frame: int
) -> None:
    mask = drawn(box, frames=104)
    classes = np.random.default_rng(1).normal(0, 2, class_map(104).shape).astype(np.float32)
    (event,) = tracked(mask, classes, EventSettings(min_score=0.0, max_fill=0.0), first_frame=first_frame)
    frames, bins = np.nonzero(mask)
    odds = np.exp(classes[frames // 4, bins // 4].mean(axis=0, dtype=np.float64))
    assert event.score == pytest.approx(odds[BIRD] / odds.sum(), abs=1e-5)
    assert event.sound_class == SOUND_CLASSES[odds.argmax()]
    assert event.class_score == pytest.approx(odds.max() / odds.sum(), abs=1e-5)


def test_a_region_of_another_sound_is_rejected_with_its_class() -> None:
    mask, classes = drawn((10, 20, 40, 12), (50, 20, 40, 12)), class_map()
    classes[:10, :, INSECT] = 8.0
    classes[10:, :, BIRD] = 8.0
    cricket, bird = tracked(mask, classes)
    assert (cricket.reason, cricket.sound_class) == ("other sound", "insect")
    assert cricket.score < 0.05
    assert cricket.class_score > 0.9
    assert (bird.reason, bird.sound_class) == ("", "bird")


def test_a_region_whose_mask_is_never_confident_is_rejected_as_faint() -> None:
    classes = class_map()
    classes[..., BIRD] = 8.0
    (event,) = tracked(drawn((10, 20, 40, 12), value=177), classes)
    assert event.reason == "faint"


def two_sounds() -> tuple[NDArray[np.uint8], Float32]:
    """Return the mask and the level of two sounds that a bridge of low level joins."""
    mask = drawn((10, 20, 40, 12), (30, 12, 40, 40), (42, 20, 100, 12))
    mask[30:42, 52:112] = 200
    level = np.full(mask.shape, -6.0, np.float32)
    level[10:30, 40:52] = level[42:62, 100:112] = 0.0
    return mask, level


@pytest.mark.parametrize(
    ("low_class", "high_class", "reasons"),
    [
        (BIRD, BIRD, ["", ""]),
        (BIRD, INSECT, ["", "other sound"]),
        (INSECT, INSECT, ["other sound"]),
    ],
)
def test_pieces_that_pass_replace_their_region(low_class: int, high_class: int, reasons: list[str]) -> None:
    mask, level = two_sounds()
    classes = class_map()
    classes[:, :19, low_class] = 4.0
    classes[:, 19:, high_class] = 5.0
    found = tracked(mask, classes, EventSettings(min_score=0.6), level)
    assert [event.reason for event in found] == reasons
    if len(found) == 2:
        np.testing.assert_array_equal(
            sum(np.count_nonzero(event.mask) for event in found), np.count_nonzero(mask)
        )


def test_a_region_that_fills_its_box_is_not_cut() -> None:
    mask = drawn((10, 60, 40, 24))
    level = np.full(mask.shape, -6.0, np.float32)
    level[10:30, 40:64] = level[50:70, 40:64] = 0.0
    classes = class_map()
    classes[..., BIRD] = 8.0
    assert len(tracked(mask, classes, EventSettings(), level)) == 1
    assert len(tracked(mask, classes, EventSettings(max_fill=1.0, gap_s=0.0), level)) == 1  # fills all of it
    mask[69, 63] = 0
    assert len(tracked(mask, classes, EventSettings(max_fill=1.0, gap_s=0.0), level)) == 2


@pytest.mark.parametrize("windows", [1, 2])
def test_a_short_pause_cuts_a_region_whatever_the_length_of_frames(windows: int) -> None:
    mask = drawn((8, 64, 40, 24))
    mask[70:72, 63] = 0
    level = np.zeros(mask.shape, np.float32)
    level[36:44] = -2.5  # 64 ms, 22 dB lower
    classes = class_map()
    classes[..., BIRD] = 8.0
    grid, settings = Grid(hop=256 * windows, windows=windows), EventSettings(max_fill=1.0, gap_s=0.0)
    assert len(tracked(mask[::windows], classes, settings, level[::windows], grid=grid)) == 2


def test_the_box_is_tight_around_the_energy_and_the_mask_is_unchanged() -> None:
    mask = drawn((10, 20, 40, 12))
    level = np.full(mask.shape, -3.0, np.float32)  # 26 dB below the peak
    level[14:24, 43:49] = 0.0
    classes = class_map()
    classes[..., BIRD] = 8.0
    (event,) = tracked(mask, classes, level=level)
    assert event.onset_s == pytest.approx(GRID.first_frame_s + 13.5 * GRID.hop_s)
    assert event.offset_s == pytest.approx(GRID.first_frame_s + 23.5 * GRID.hop_s)
    assert (event.low_hz, event.high_hz) == (62.5 * 43.5, 62.5 * 49.5)
    assert (event.first_frame, event.first_bin, event.mask.shape) == (10, 40, (20, 12))


def test_an_event_states_how_busy_its_band_was_and_how_many_regions_were_alike() -> None:
    """A call of 1 s every 2 s for 40 s, then a call in another band."""
    calls = [(250 * i, 125, 40, 12) for i in range(20)]
    mask = drawn(*calls, (5000, 125, 100, 12), frames=5200)
    found = tracked(mask, class_map(5200))
    assert (found[0].busy_10_s, found[0].busy_60_s, found[0].alike) == (0.0, 0.0, 0)
    last = found[19]
    assert last.busy_10_s == pytest.approx(0.5)
    assert last.busy_30_s == pytest.approx(0.5)
    assert last.busy_60_s == pytest.approx(19 / 60)
    assert last.alike == 19
    other = found[20]
    assert (other.busy_10_s, other.busy_60_s, other.alike) == (0.0, 0.0, 0)


def test_only_regions_of_the_last_minute_count_as_alike() -> None:
    calls = [(2500 * i, 125, 40, 12) for i in range(6)]  # one in 20 s
    found = tracked(drawn(*calls, frames=12_700), class_map(12_700))
    assert [event.alike for event in found] == [0, 1, 2, 3, 3, 3]


@pytest.mark.parametrize("chunk_frames", [4, 8, 100])
def test_any_division_gives_the_same_scores_and_pieces(chunk_frames: int) -> None:
    mask, level = two_sounds()
    classes = np.random.default_rng(2).normal(0, 3, class_map().shape).astype(np.float32)
    settings = EventSettings(min_score=0.01)
    whole = tracked(mask, classes, settings, level, chunk_frames=100)
    divided = tracked(mask, classes, settings, level, chunk_frames=chunk_frames)
    assert [(e.onset_s, e.low_hz, e.score, e.reason) for e in divided] == [
        (e.onset_s, e.low_hz, e.score, e.reason) for e in whole
    ]


def scored(*regions: tuple[tuple[int, int, int, int], float], **settings: float) -> list[tuple[float, str]]:
    """Return the rounded score and the reason of each of these boxes with the given probability of a bird."""
    frames = 2000
    mask, classes = np.zeros((frames, GRID.bins), np.uint8), class_map(frames)
    for box, score in regions:
        mask |= drawn(box, frames=frames)
        first, length, low, width = box
        cells = classes[first // 4 : (first + length) // 4, low // 4 : (low + width) // 4]
        cells[...] = -20.0
        cells[..., BIRD], cells[..., INSECT] = np.log(score), np.log(1 - score)
    found = tracked(mask, classes, EventSettings(max_fill=0.0, **settings))
    return [(round(region.score, 2), region.reason) for region in found]


SURE = ((100, 20, 40, 12), 0.98)
UNSURE = 0.6


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((200, 20, 40, 12), ""),
        ((200, 20, 48, 12), ""),  # overlaps the band
        ((200, 20, 52, 12), "other sound"),  # next to the band
        ((1368, 20, 40, 12), ""),  # within 10 s, which are 1250 frames
        ((1372, 20, 40, 12), "other sound"),
        ((40, 20, 40, 12), "other sound"),  # before the event
    ],
)
def test_a_lower_score_is_enough_in_the_band_of_a_recent_event(
    box: tuple[int, int, int, int], reason: str
) -> None:
    assert sorted(scored(SURE, (box, UNSURE))) == [(UNSURE, reason), (0.98, "")]


def test_a_region_that_passed_only_after_an_earlier_event_helps_no_other() -> None:
    sure, first, second = scored(SURE, ((1000, 20, 40, 12), UNSURE), ((1500, 20, 40, 12), UNSURE))
    assert (sure, first, second) == ((0.98, ""), (UNSURE, ""), (UNSURE, "other sound"))


def test_a_rejected_region_helps_no_other() -> None:
    assert scored(((100, 20, 40, 12), 0.9), ((200, 20, 40, 12), UNSURE)) == [
        (0.9, "other sound"),
        (UNSURE, "other sound"),
    ]


def test_a_lower_minimum_score_is_enough_everywhere() -> None:
    found = scored(SURE, ((200, 20, 40, 12), 0.4), ((1600, 20, 40, 12), 0.4), min_score=0.3)
    assert [reason for _, reason in found] == ["", "", ""]


def test_a_score_below_follow_score_is_not_enough() -> None:
    assert scored(SURE, ((200, 20, 40, 12), 0.48))[1] == (0.48, "other sound")
    assert scored(SURE, ((200, 20, 40, 12), 0.48), follow_score=0.4)[1] == (0.48, "")


def test_pieces_of_one_region_help_each_other() -> None:
    """A faint bridge joins two notes; only the second is certain."""
    mask = drawn((10, 20, 40, 12), (50, 20, 40, 12), (30, 20, 40, 4))
    level = np.full(mask.shape, -6.0, np.float32)
    level[10:30, 40:52] = level[50:70, 40:52] = 0.0
    classes = class_map()
    classes[..., BIRD] = 2.5
    classes[12:, :, BIRD] = 9.0
    first, second = tracked(mask, classes, EventSettings(max_fill=1.0), level)
    assert EventSettings.follow_score < first.score < EventSettings.min_score < second.score
    assert (first.reason, second.reason) == ("", "")
    # Otherwise only one of them would pass, and the region would stay whole.
    assert len(tracked(mask, classes, EventSettings(max_fill=1.0, follow_score=0.96), level)) == 1
