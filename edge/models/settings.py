"""Settings that a model card carries: how input is scaled and what counts as an event."""

from __future__ import annotations

import math
from dataclasses import dataclass

from birdedge.edge.errors import SettingsError

REFERENCE_AREA_HZ_S = 100.0  # the area for which `min_score` holds


@dataclass(frozen=True)
class InputScaling:
    """How log-magnitude frames become the network's input; levels in nepers (1 Np = 8.7 dB)."""

    group_frames: int = 4
    rise_frames: float = 375.0
    fall_frames: float = 37.5
    min_np: float = -3.0
    max_np: float = 7.0
    max_shape_np: float = 6.0  # the floor's own shape is kept within +-max_shape_np of its mean
    gain: float = 0.5

    def __post_init__(self) -> None:
        if self.rise_frames < self.fall_frames:
            raise SettingsError(
                f"the floor would rise in {self.rise_frames} frames and fall in {self.fall_frames}; "
                "it must not rise faster than it falls"
            )


@dataclass(frozen=True)
class EventSettings:
    """What counts as one event."""

    low_threshold: float = 0.5  # a bin belongs to a region from here on
    high_threshold: float = 0.7  # some bin of an event reaches this
    # The mean of its bins reaches this where they cover 100 Hz s, and so much less for each tenfold of that: more bins
    # that agree are more evidence. train/EXPERIMENTS.md tells the price of both.
    min_score: float = 0.955
    min_score_drop_per_decade: float = 0.015
    gap_s: float = 0.1  # a pause up to this long does not end an event
    gap_hz: float = 250.0  # nor does a step or a hole up to this wide
    min_duration_s: float = 0.06  # the margins that a mask has about a sound included
    min_area_hz_s: float = 8.0  # area
    max_duration_s: float = 30.0  # then it is closed and a new one begins

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
        """What an event needs of its mean probability."""
        return (
            f"the mean of an event of {REFERENCE_AREA_HZ_S:g} Hz s is {self.min_score:g} or more, "
            f"of a tenfold area {self.min_score_drop_per_decade:g} less"
        )

    def min_score_of(self, area_hz_s: float) -> float:
        """What the mean probability of an event of this area reaches."""
        return self.min_score - self.min_score_drop_per_decade * math.log10(area_hz_s / REFERENCE_AREA_HZ_S)
