"""Settings that a model card carries: input scaling and event detection."""

from __future__ import annotations

from dataclasses import dataclass

from birdedge.edge.errors import SettingsError


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
    """Criteria for a region of the mask to be an event, and where regions are cut."""

    low_threshold: float = 0.5  # probability from which a bin belongs to a region
    high_threshold: float = 0.7  # probability that at least one bin of an event reaches
    min_score: float = 0.96  # minimum probability of a bird; train/EXPERIMENTS.md lists what it costs
    follow_score: float = 0.5  # enough where the band held an event that reached min_score
    follow_s: float = 10.0  # up to this long ago
    gap_s: float = 0.1  # a pause of up to this length does not end an event
    gap_hz: float = 250.0  # nor does a frequency step or gap of up to this width
    min_duration_s: float = 0.06  # including the margins of the mask around the sound
    min_area_hz_s: float = 8.0
    max_duration_s: float = 30.0  # a longer event is split
    saddle_db: float = 10.0  # a region is cut where the level falls by this below the lower of two peaks
    max_fill: float = 0.6  # a region that fills more of its box is not cut
    box_range_db: float = 20.0  # the box of an event encloses the bins within this range of the loudest

    def __post_init__(self) -> None:
        if not 0.0 < self.low_threshold <= self.high_threshold <= 1.0:
            raise SettingsError(
                f"low_threshold {self.low_threshold} and high_threshold {self.high_threshold} "
                "must lie in 0..1, the first not above the second"
            )
        for name in ("min_score", "follow_score", "max_fill"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie in 0..1")
        for name in (
            "follow_s",
            "gap_s",
            "gap_hz",
            "min_duration_s",
            "min_area_hz_s",
            "saddle_db",
            "box_range_db",
        ):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must not be negative")
        if self.max_duration_s < 1.0:
            raise SettingsError(f"max_duration_s is {self.max_duration_s}; it must be at least 1 second")
