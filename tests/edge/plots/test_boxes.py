"""Boxes and labels lie where their regions are, and labels of rejected regions cover no other label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from birdedge.edge.event import Event
from birdedge.edge.plots.boxes import EVENT_COLOUR, REJECTED_COLOUR, draw_boxes
from tests.support.rejected import region


@pytest.fixture
def panel() -> Any:
    """A panel of 10 s and 16 kHz in a figure like that of `plot`."""
    pytest.importorskip("matplotlib", reason="birdedge[plot] is not installed")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14.0, 3.8), dpi=120)
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_xlim(0.0, 10.0)
    axes.set_ylim(0.0, 16.0)
    return axes


def boxes(panel: Any) -> list[tuple[str, float, float, float, float]]:
    """Return colour, onset, offset, low and high of each box in the order in which they are drawn."""
    found = []
    for line in panel.lines:
        x, y = line.get_data()
        found.append((line.get_color(), min(x), max(x), min(y), max(y)))
    return found


def texts(panel: Any, colour: str = REJECTED_COLOUR) -> list[str]:
    return [text.get_text() for text in panel.texts if text.get_color() == colour]


def at(onset_s: float, low_hz: float, high_hz: float, **changes: Any) -> Event:
    return region(onset_s, low_hz=low_hz, high_hz=high_hz, **changes)


def event(onset_s: float, low_hz: float, high_hz: float) -> Event:
    return at(onset_s, low_hz, high_hz, reason="", score=0.97)


def crowd(seed: int) -> tuple[Sequence[Event], Sequence[Event]]:
    """Return 30 events and 200 rejected regions at random places."""
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    regions = []
    for _ in range(230):
        low_hz = random.uniform(0, 14_000)
        onset_s = random.uniform(0, 9.9)
        found = at(onset_s, low_hz, low_hz + random.uniform(100, 2000))
        regions.append(replace(found, offset_s=onset_s + random.uniform(0.05, 0.6)))
    return [replace(r, reason="") for r in regions[:30]], regions[30:]


def test_events_are_white_with_their_score_and_rejected_regions_grey_with_the_reason(panel: Any) -> None:
    draw_boxes(panel, [event(2.0, 3000, 4000)], [at(6.0, 8000, 9000)])
    grey, white = boxes(panel)
    assert white == (EVENT_COLOUR, 2.0, 2.2, 3.0, 4.0)
    assert grey == (REJECTED_COLOUR, 6.0, 6.2, 8.0, 9.0)
    assert texts(panel, EVENT_COLOUR) == ["0.97"]
    assert texts(panel) == ["frog 0.60"]


def test_a_region_outside_the_panel_is_not_drawn(panel: Any) -> None:
    draw_boxes(panel, [event(-3.0, 3000, 4000)], [at(12.0, 8000, 9000)])
    assert boxes(panel) == []
    assert len(panel.texts) == 0


def test_a_box_is_drawn_only_in_the_row_of_its_onset(panel: Any) -> None:
    draw_boxes(panel, [event(-0.1, 3000, 4000)], [at(-0.1, 8000, 9000)])
    assert len(boxes(panel)) == 2
    assert len(panel.texts) == 0


def test_a_second_label_moves_to_another_side_of_its_box(panel: Any) -> None:
    draw_boxes(panel, [], [at(2.0, 3000, 4000), at(2.05, 3000, 4000)])
    first, second = panel.texts
    assert (first.get_va(), second.get_va()) == ("bottom", "top")


def test_a_label_that_finds_no_room_is_omitted_and_its_box_is_drawn(panel: Any) -> None:
    draw_boxes(panel, [], [at(2.0 + 0.002 * i, 3000, 4000) for i in range(50)])
    assert len(boxes(panel)) == 50
    assert 2 <= len(texts(panel)) < 10


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_rejected_regions_overlap_no_label_and_stay_in_the_panel(panel: Any, seed: int) -> None:
    events, rejected = crowd(seed)
    draw_boxes(panel, events, rejected)
    assert len(texts(panel)) >= 30
    renderer = panel.figure.canvas.get_renderer()
    whole = panel.get_window_extent()
    extents = [(text.get_color(), text.get_window_extent(renderer)) for text in panel.texts]
    for (colour, extent), (other_colour, other) in combinations(extents, 2):
        if REJECTED_COLOUR in (colour, other_colour):
            assert not extent.overlaps(other)
    for colour, extent in extents:
        if colour == REJECTED_COLOUR:
            assert whole.x0 <= extent.x0
            assert extent.x1 <= whole.x1
            assert whole.y0 <= extent.y0
            assert extent.y1 <= whole.y1


def test_events_are_labelled_the_same_with_and_without_rejected_regions(panel: Any) -> None:
    events, rejected = crowd(0)
    draw_boxes(panel, events, rejected)
    scores = [text.get_position() for text in panel.texts if text.get_color() == EVENT_COLOUR]
    assert len(scores) == len(events)
    for text in list(panel.texts):
        text.remove()
    draw_boxes(panel, events, [])
    assert [text.get_position() for text in panel.texts] == scores
