"""Settings that a model card carries: input scaling and event detection."""

from __future__ import annotations

import math
from dataclasses import dataclass

from birdedge.edge.errors import SettingsError

REFERENCE_AREA_HZ_S = 100.0  # area of an event to which `min_score` applies


@dataclass(frozen=True)
class InputScaling:
    """Scaling of log-magnitude frames to network input; levels in nepers (1 Np = 8.7 dB)."""

    group_frames: int = 4
    rise_frames: float = 375.0
    fall_frames: float = 37.5
    min_np: float = -3.0
    max_np: float = 7.0
    max_shape_np: float = 6.0  # limit on the deviation of the noise floor from its mean over the bins
    gain: float = 0.5

    def __post_init__(self) -> None:
        if self.rise_frames < self.fall_frames:
            raise SettingsError(
                f"rise_frames is {self.rise_frames} and fall_frames is {self.fall_frames}; "
                "the noise floor must not rise faster than it falls"
            )


@dataclass(frozen=True)
class EventSettings:
    """Criteria for a region of the mask to be an event."""

    low_threshold: float = 0.5  # probability from which a bin belongs to a region
    high_threshold: float = 0.7  # probability that at least one bin of an event reaches
    # Minimum mean probability of an event of 100 Hz s, and its decrease per tenfold area: more bins are more evidence.
    # train/EXPERIMENTS.md lists what both cost.
    min_score: float = 0.955
    min_score_drop_per_decade: float = 0.015
    gap_s: float = 0.1  # a pause of up to this length does not end an event
    gap_hz: float = 250.0  # nor does a frequency step or gap of up to this width
    min_duration_s: float = 0.06  # including the margins of the mask around the sound
    min_area_hz_s: float = 8.0
    max_duration_s: float = 30.0  # a longer event is split

    def __post_init__(self) -> None:
        if not 0.0 < self.low_threshold <= self.high_threshold <= 1.0:
            raise SettingsError(
                f"low_threshold {self.low_threshold} and high_threshold {self.high_threshold} "
                "must lie in 0..1, the first not above the second"
            )
        if not 0.0 <= self.min_score <= 1.0:
            raise SettingsError(f"min_score is {self.min_score}; it must lie in 0..1")
        for name in ("min_score_drop_per_decade", "gap_s", "gap_hz", "min_duration_s", "min_area_hz_s"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.max_duration_s < 1.0:
            raise SettingsError(f"max_duration_s is {self.max_duration_s}; it must be at least 1 second")

    @property
    def in_words(self) -> str:
        """The minimum mean probability of an event as a clause."""
        return (
            f"an event of {REFERENCE_AREA_HZ_S:g} Hz s has a mean probability of at least {self.min_score:g}, "
            f"{self.min_score_drop_per_decade:g} less per tenfold area"
        )

    def min_score_of(self, area_hz_s: float) -> float:
        """Return the minimum mean probability of an event of this area."""
        return self.min_score - self.min_score_drop_per_decade * math.log10(area_hz_s / REFERENCE_AREA_HZ_S)
