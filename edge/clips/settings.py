"""The recorder's settings for clips."""

from __future__ import annotations

from dataclasses import dataclass

from birdedge.edge.errors import SettingsError

MAX_S = 600.0  # clips are held in memory until they are written


@dataclass(frozen=True)
class ClipSettings:
    """Which clips are kept, and as what."""

    keep: str = "events"  # events, everything or none
    format: str = "flac"  # flac or wav, 16 bits
    before_s: float = 3.0  # sound before an event's onset
    after_s: float = 3.0  # and after its offset
    min_duration_s: float = 3.0  # a shorter clip is given more sound
    max_duration_s: float = 30.0  # a longer one becomes several, one after another
    max_per_hour: int = 0  # clips of events begun within any hour; 0 for no cap
    denoised: bool = False  # beside the clip the bird alone
    mask: bool = False  # beside it its mask file
    picture: bool = False  # beside it its picture
    everything_s: float = 60.0  # length of the files where everything is kept
    min_free_mb: float = 500.0  # space that clips leave free on the disk

    def __post_init__(self) -> None:
        for name, allowed in (("keep", ("events", "everything", "none")), ("format", ("flac", "wav"))):
            if getattr(self, name) not in allowed:
                raise SettingsError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(allowed)}"
                )
        for name in ("before_s", "after_s", "max_per_hour", "min_free_mb"):
            if not getattr(self, name) >= 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must not be negative")
        if not 0.1 <= self.min_duration_s <= self.max_duration_s <= MAX_S:
            raise SettingsError(
                f"min_duration_s {self.min_duration_s} and max_duration_s {self.max_duration_s} must lie in "
                f"0.1..{MAX_S:.0f} s, the first not above the second"
            )
        if not self.before_s + self.after_s <= self.max_duration_s:
            raise SettingsError(
                f"before_s {self.before_s} and after_s {self.after_s} leave no room for an event in max_duration_s "
                f"{self.max_duration_s}; make them shorter, or max_duration_s longer"
            )
        if not 1 <= self.everything_s <= MAX_S:
            raise SettingsError(f"everything_s is {self.everything_s}; it must lie in 1..{MAX_S:.0f} s")
