"""Events are matched with labels one to one, by their boxes."""

from __future__ import annotations

import numpy as np
import pytest

from birdedge.train.data.annotations import Box
from birdedge.train.evaluation.event_scores import (
    box_iou,
    boxes_of_mask,
    count_covered,
    count_events,
    count_found,
    matched_pairs,
)
from birdedge.train.evaluation.labelled_audio import centres


def test_the_iou_of_boxes_follows_from_their_areas() -> None:
    one, other = Box(0.0, 2.0, 1000.0, 3000.0), Box(1.0, 3.0, 2000.0, 4000.0)
    # They share 1 s x 1 kHz out of 4 + 4 - 1.
    assert box_iou([one], [other, one, Box(5.0, 6.0, 1000.0, 3000.0)])[0] == pytest.approx([1 / 7, 1.0, 0.0])


def test_a_label_without_a_band_is_compared_in_time_alone() -> None:
    found = Box(0.0, 2.0, 1000.0, 3000.0)
    assert box_iou([found], [Box(1.0, 3.0), Box(0.0, 2.0)])[0] == pytest.approx([1 / 3, 1.0])


def test_one_event_over_two_notes_matches_one_and_misses_the_other() -> None:
    notes = [Box(0.0, 1.0), Box(1.0, 2.0)]
    counts = count_events([Box(0.0, 2.0, 1.0, 2.0)], notes)
    assert (counts.true, counts.found, counts.matched) == (2, 1, (1, 1))


def test_matching_maximizes_the_number_of_pairs() -> None:
    """A greedy choice, in which the first event takes its nearest label, would leave one event unmatched."""
    labels = [Box(0.0, 10.0), Box(4.0, 14.0)]
    events = [Box(1.0, 11.0, 1.0, 2.0), Box(0.0, 7.0, 1.0, 2.0)]
    assert box_iou(events, labels)[0].argmax() == 0
    assert count_events(events, labels).matched == (2, 2)


def test_a_higher_minimum_iou_matches_fewer_events() -> None:
    label, event = Box(0.0, 10.0, 0.0, 1000.0), Box(0.0, 4.0, 0.0, 1000.0)
    assert count_events([event], [label]).matched == (1, 0)


def test_an_event_in_unlabelled_bins_counts_only_if_it_matches() -> None:
    label, elsewhere = Box(0.0, 1.0, 0.0, 1000.0), Box(5.0, 6.0, 0.0, 1000.0)
    assert count_events([label, elsewhere], [label], [True, True]).found == 1
    assert count_events([label, elsewhere], [label], [False, False]).found == 2


def test_pairs_are_given_as_event_and_label_indices() -> None:
    labels = [Box(0.0, 1.0, 0.0, 1000.0), Box(5.0, 6.0, 0.0, 1000.0), Box(8.0, 9.0, 0.0, 1000.0)]
    events = [Box(3.0, 4.0, 0.0, 1000.0), labels[2], labels[0]]
    pairs = matched_pairs(box_iou(events, labels), 0.5)
    assert [indices.tolist() for indices in pairs] == [[1, 2], [2, 0]]


def test_labels_centred_below_1200_hz_are_also_counted_separately() -> None:
    labels = [
        Box(0.0, 1.0, 300.0, 2000.0),
        Box(2.0, 3.0, 400.0, 2100.0),
        Box(4.0, 5.0, 500.0, 700.0),
        Box(6.0, 7.0),
    ]
    counts = count_events([labels[0], labels[1], Box(6.0, 7.0, 100.0, 200.0)], labels)
    assert (counts.true, counts.matched[0]) == (4, 3)
    assert (counts.low_true, counts.low_matched) == (2, 1)


LABEL = Box(1.0, 2.0, 1000.0, 2000.0)


@pytest.mark.parametrize(
    ("event", "found"),
    [
        (Box(1.4, 2.8, 1000.0, 2000.0), 1),  # an IoU of 1/3, although its centre is after the label
        (Box(1.0, 1.1, 1000.0, 1050.0), 1),  # a small part of the label
        (Box(0.5, 2.5, 500.0, 2500.0), 1),  # four times the area around the centre
        (Box(0.0, 3.0, 250.0, 2750.0), 0),  # 7.5 times
        (Box(1.9, 2.2, 1000.0, 2000.0), 0),  # an IoU of 1/12, and its centre is after the label
        (Box(1.0, 2.0, 1950.0, 2150.0), 0),  # its centre is above the label
    ],
)
def test_a_label_is_found_by_an_event_that_overlaps_it_or_is_centred_in_it_and_not_much_larger(
    event: Box, found: int
) -> None:
    elsewhere = Box(8.0, 9.0, 1000.0, 2000.0)
    assert count_found([event, elsewhere], [LABEL]) == found


def test_a_label_without_a_band_is_found_by_its_time_alone() -> None:
    note = Box(1.0, 2.0)
    assert count_found([Box(1.4, 1.5, 100.0, 8000.0)], [note]) == 1
    assert count_found([Box(-4.0, 7.0, 100.0, 200.0)], [note]) == 0  # 11 times as long
    assert count_found([], [note]) == 0


@pytest.mark.parametrize(("found", "true"), [([], []), ([], [Box(0, 1)]), ([Box(0, 1, 0, 1)], [])])
def test_no_event_or_no_label_gives_no_match(found: list[Box], true: list[Box]) -> None:
    counts = count_events(found, true)
    assert (counts.true, counts.found, counts.matched) == (len(true), len(found), (0, 0))


def test_the_boxes_of_a_mask_are_the_events_that_a_recorder_would_detect() -> None:
    times_s, frequencies_hz = centres(0.5, 0.016, 100), centres(0.0, 31.25, 256)
    mask = np.zeros((100, 256), bool)
    mask[10:20, 40:60] = True
    mask[23:30, 40:60] = True  # 48 ms later: the same event
    mask[60:61, 100:120] = True  # one column of 16 ms: too short for an event
    mask[70:90, 200:240] = True
    boxes = boxes_of_mask(mask, times_s, frequencies_hz)
    assert [(b.onset_s, b.offset_s) for b in boxes] == [
        pytest.approx((0.652, 0.972), abs=0.009),
        pytest.approx((1.612, 1.932), abs=0.009),
    ]
    assert [(b.low_hz, b.high_hz) for b in boxes] == [
        pytest.approx((1234, 1860), abs=33),
        pytest.approx((6234, 7485), abs=33),
    ]


def test_a_label_is_covered_by_events_in_its_band_that_span_half_its_time() -> None:
    label = Box(0.0, 1.0, 1000.0, 2000.0)
    halves = [Box(0.0, 0.3, 1500.0, 1600.0), Box(0.2, 0.5, 500.0, 1100.0)]
    assert count_covered(halves, [label]) == 1
    assert count_covered(halves[:1], [label]) == 0
    assert count_covered([Box(0.0, 1.0, 3000.0, 4000.0)], [label]) == 0
    assert count_covered([Box(0.0, 1.0, 3000.0, 4000.0)], [Box(0.0, 1.0)]) == 1
    # The same part twice counts once.
    assert count_covered([Box(0.0, 0.4, 1000.0, 2000.0)] * 2, [label]) == 0
