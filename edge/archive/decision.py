"""Why a region of the mask is an event or not, and why there is no region, in words."""

from __future__ import annotations

from birdedge.edge.event import Event
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.sound_classes import BIRD

MAX_DECIMALS = 4


def decision(region: Event, settings: EventSettings) -> str:
    """Return the decision about a region, such as `rejected: insect 0.82`."""
    if not region.reason:
        return (
            "event" if region.score >= settings.min_score else f"event: follows one, bird {region.score:.2f}"
        )
    if region.reason == "faint":
        return f"rejected: the mask is never above {_below(region.max_probability, settings.high_threshold)}"
    if region.sound_class == BIRD:
        return f"rejected: bird {_below(region.score, settings.min_score)}"
    return f"rejected: {region.sound_class} {region.class_score:.2f}"


def without_region(highest: float, time_s: float, frequency_hz: float, settings: EventSettings) -> str:
    """Return why there is no region, given the highest probability of the mask and where it is."""
    place = f"at {time_s:.2f} s and {frequency_hz / 1000:.1f} kHz"
    if highest < settings.low_threshold:
        return f"no region: the mask is never above {_below(highest, settings.low_threshold)}, {place}"
    return (
        f"no region: the mask reaches {highest:.2f} {place}, but over less than {settings.min_duration_s:g} s or "
        f"{settings.min_area_hz_s:g} Hz s"
    )


def _below(value: float, limit: float) -> str:
    """Return a value and the limit that it does not reach, with enough decimals to differ."""
    decimals = 2
    while decimals < MAX_DECIMALS and f"{value:.{decimals}f}" == f"{limit:.{decimals}f}":
        decimals += 1
    return f"{value:.{decimals}f} (needs {limit:.{decimals}f})"
