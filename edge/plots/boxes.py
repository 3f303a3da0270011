"""Boxes of regions in a panel of a figure: events in white with their score, rejected regions in grey with the reason.

The label of an event is always drawn. The label of a rejected region takes the first place around its box where it
covers no other label, and is left out if there is no such place: the labels of hundreds of chirps would hide the
picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from birdedge.edge.event import Event

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EVENT_COLOUR = "#ffffff"
REJECTED_COLOUR = "#b4b4b4"
DISTANCE_POINTS = 2  # between a label and its box
CHARACTER_WIDTH = 0.6  # at most, relative to the font size
LINE_HEIGHT = 1.2  # relative to the font size
POINTS_PER_INCH = 72


@dataclass(frozen=True)
class _Label:
    """A text at a corner of a box."""

    text: str
    time_s: float
    khz: float
    is_left: bool  # whether the text is to the left of the corner
    is_below: bool
    colour: str
    points: float
    opacity: float  # opacity of the background


@dataclass(frozen=True)
class _Extent:
    """What a label covers, in points from the lower left corner of the panel."""

    left: float
    right: float
    bottom: float
    top: float

    def meets(self, other: _Extent) -> bool:
        """Return whether two extents overlap."""
        columns = self.left < other.right and other.left < self.right
        return columns and self.bottom < other.top and other.bottom < self.top

    def lies_within(self, other: _Extent) -> bool:
        """Return whether all of this extent is inside another one."""
        columns = other.left <= self.left and self.right <= other.right
        return columns and other.bottom <= self.bottom and self.top <= other.top


def draw_boxes(panel: Axes, events: Iterable[Event], rejected: Iterable[Event]) -> None:
    """Draw boxes into a panel whose limits are set; a region has its label in the row of its onset."""
    left_s, right_s = panel.get_xlim()
    events, rejected = (
        [e for e in regions if e.offset_s > left_s and e.onset_s < right_s] for regions in (events, rejected)
    )
    for region in rejected:
        _draw_box(panel, region, REJECTED_COLOUR)
    for event in events:
        _draw_box(panel, event, EVENT_COLOUR)
    labels = [_event_label(panel, event) for event in events if event.onset_s >= left_s]
    labels += _free_labels(panel, labels, [region for region in rejected if region.onset_s >= left_s])
    for label in labels:
        _write(panel, label)


def _draw_box(panel: Axes, region: Event, colour: str) -> None:
    low_khz, high_khz = region.low_hz / 1000, region.high_hz / 1000
    panel.plot(
        (region.onset_s, region.offset_s, region.offset_s, region.onset_s, region.onset_s),
        (low_khz, low_khz, high_khz, high_khz, low_khz),
        color=colour,
        linewidth=0.8,
    )


def _event_label(panel: Axes, event: Event) -> _Label:
    """Return the score of an event, above its box if there is room."""
    left_s, right_s = panel.get_xlim()
    high_khz = event.high_hz / 1000
    at_edge = event.onset_s > right_s - 0.04 * (right_s - left_s)
    return _Label(
        f"{event.score:.2f}",
        right_s if at_edge else event.onset_s,
        high_khz,
        is_left=at_edge,
        is_below=high_khz > 0.9 * panel.get_ylim()[1],
        colour=EVENT_COLOUR,
        points=7.5,
        opacity=0.55,
    )


def _free_labels(panel: Axes, labels: Sequence[_Label], rejected: Iterable[Event]) -> Iterator[_Label]:
    """Yield the labels of rejected regions that cover neither each other nor the labels given."""
    width, height = _size(panel)
    whole = _Extent(0, width, 0, height)
    taken = [_extent(panel, label) for label in labels]
    for region in rejected:
        for label in _places(region):
            extent = _extent(panel, label)
            if extent.lies_within(whole) and not any(extent.meets(other) for other in taken):
                taken.append(extent)
                yield label
                break


def short_reason(region: Event) -> str:
    """Return why a region was rejected, for a figure: its class and probability, or how faint it is."""
    if region.reason == "faint":
        return f"faint {region.max_probability:.2f}"
    return f"{region.sound_class} {region.class_score:.2f}"


def _places(region: Event) -> Iterator[_Label]:
    """Yield the label of a rejected region at each place that it may take, the best place first."""
    low_khz, high_khz = region.low_hz / 1000, region.high_hz / 1000
    for time_s, khz, is_left, is_below in (
        (region.onset_s, high_khz, False, False),
        (region.onset_s, low_khz, False, True),
        (region.offset_s, high_khz, True, False),
        (region.offset_s, low_khz, True, True),
        (region.offset_s, high_khz, False, True),
        (region.onset_s, high_khz, True, True),
    ):
        yield _Label(
            short_reason(region), time_s, khz, is_left, is_below, REJECTED_COLOUR, points=6.5, opacity=0.7
        )


def _write(panel: Axes, label: _Label) -> None:
    panel.annotate(
        label.text,
        (label.time_s, label.khz),
        xytext=(
            -DISTANCE_POINTS if label.is_left else DISTANCE_POINTS,
            -DISTANCE_POINTS if label.is_below else DISTANCE_POINTS,
        ),
        textcoords="offset points",
        horizontalalignment="right" if label.is_left else "left",
        verticalalignment="top" if label.is_below else "bottom",
        fontsize=label.points,
        color=label.colour,
        bbox={
            "boxstyle": "square,pad=0.1",
            "facecolor": "black",
            "edgecolor": "none",
            "alpha": label.opacity,
        },
    )


def _extent(panel: Axes, label: _Label) -> _Extent:
    (left_s, right_s), (bottom_khz, top_khz) = panel.get_xlim(), panel.get_ylim()
    width, height = _size(panel)
    x = (label.time_s - left_s) / (right_s - left_s) * width
    y = (label.khz - bottom_khz) / (top_khz - bottom_khz) * height
    text_width, text_height = CHARACTER_WIDTH * label.points * len(label.text), LINE_HEIGHT * label.points
    left = x - DISTANCE_POINTS - text_width if label.is_left else x + DISTANCE_POINTS
    bottom = y - DISTANCE_POINTS - text_height if label.is_below else y + DISTANCE_POINTS
    return _Extent(left, left + text_width, bottom, bottom + text_height)


def _size(panel: Axes) -> tuple[float, float]:
    """Return the width and height of a panel in points."""
    inches = panel.get_window_extent().transformed(panel.figure.dpi_scale_trans.inverted())
    return inches.width * POINTS_PER_INCH, inches.height * POINTS_PER_INCH
