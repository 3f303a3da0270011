"""Why a region of the mask is an event or not, and why there is no region, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from birdedge.edge.sound_classes import BIRD

if TYPE_CHECKING:  # an Event loads numpy
    from birdedge.edge.event import Event

MAX_DECIMALS = 4


@dataclass(frozen=True)
class Criteria:
    """What an event needs, from the settings of the model."""

    min_score: float
    low_threshold: float  # of the mask within a region
    high_threshold: float  # of the mask, once in a region
    min_duration_s: float
    min_area_hz_s: float


def decision(region: Event, criteria: Criteria) -> str:
    """Return what was decided about a region, such as `rejected: insect 0.82`."""
    if not region.reason:
        return "event"
    if region.reason == "faint":
        return f"rejected: the mask is never above {_below(_certainty(region), criteria.high_threshold)}"
    if region.sound_class == BIRD:
        return f"rejected: bird {_below(region.score, criteria.min_score)}"
    return f"rejected: {region.sound_class} {region.class_score:.2f}"


def short_reason(region: Event) -> str:
    """Return why a region was rejected, for a figure: its class and probability, or how faint it is."""
    if region.reason == "faint":
        return f"faint {_certainty(region):.2f}"
    return f"{region.sound_class} {region.class_score:.2f}"


def without_region(highest: float, time_s: float, frequency_hz: float, criteria: Criteria) -> str:
    """Return why there is no region, given the highest probability of the mask and where it is."""
    place = f"at {time_s:.2f} s and {frequency_hz / 1000:.1f} kHz"
    if highest < criteria.low_threshold:
        return f"no region: the mask is never above {_below(highest, criteria.low_threshold)}, {place}"
    return (
        f"no region: the mask reaches {highest:.2f} {place}, but over less than {criteria.min_duration_s:g} s or "
        f"{criteria.min_area_hz_s:g} Hz s"
    )


def _certainty(region: Event) -> float:
    return float(region.mask.max(initial=0)) / 255


def _below(value: float, limit: float) -> str:
    """Return a value and the limit that it does not reach, with enough decimals to differ."""
    decimals = 2
    while decimals < MAX_DECIMALS and f"{value:.{decimals}f}" == f"{limit:.{decimals}f}":
        decimals += 1
    return f"{value:.{decimals}f} (needs {limit:.{decimals}f})"
