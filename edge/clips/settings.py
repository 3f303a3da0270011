"""Settings of clips: which audio is kept, in which form, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from birdedge.edge.errors import SettingsError

MAX_DECIMALS = 6
MAX_CLIP_S = 600.0  # clips are held in memory until they are written
MAX_WAITING = 4  # clips for the disk: one minute at 48 kHz is 6 MB
MAX_EVENT_DELAY_S = 10.0  # between audio and its events: one block and the lookahead of the network


@dataclass(frozen=True)
class ClipSettings:
    """Which audio becomes a clip, and which files a clip has.

    Raises:
        SettingsError: A value is out of range.
    """

    keep: Literal["events", "everything", "none"] = "events"
    format: Literal["flac", "wav"] = "flac"  # 16 bits
    before_s: float = 3.0  # audio before the onset of an event
    after_s: float = 3.0  # audio after the offset of an event
    min_duration_s: float = 3.0  # shorter clips get more audio before and after
    max_duration_s: float = 30.0  # longer clips are divided into consecutive clips
    max_per_hour: int = 0  # limit on the clips of events in any hour; 0: no limit
    denoised: bool = False  # also write the denoised audio
    mask: bool = False  # also write the mask (.npz)
    picture: bool = False  # also write a spectrogram picture (.png)
    everything_s: float = 60.0  # length of the files with keep = "everything"
    min_free_mb: float = 500.0  # no clip is written that would leave less free disk space

    def __post_init__(self) -> None:
        _require_not_negative(self, "before_s", "after_s", "max_per_hour", "min_free_mb")
        if not 0.1 <= self.min_duration_s <= self.max_duration_s <= MAX_CLIP_S:
            raise SettingsError(
                f"min_duration_s {self.min_duration_s} and max_duration_s {self.max_duration_s} must lie in "
                f"0.1..{MAX_CLIP_S:.0f} s, and min_duration_s at most max_duration_s"
            )
        if not self.before_s + self.after_s <= self.max_duration_s:
            raise SettingsError(
                f"before_s {self.before_s} and after_s {self.after_s} leave no room for an event in max_duration_s "
                f"{self.max_duration_s}; make them shorter, or max_duration_s longer"
            )
        if not 1 <= self.everything_s <= MAX_CLIP_S:
            raise SettingsError(f"everything_s is {self.everything_s}; it must lie in 1..{MAX_CLIP_S:.0f} s")

    def held_s(self, max_event_s: float) -> float:
        """Return how many seconds of audio are held, so that a clip can start before its event is known."""
        if self.keep == "everything":
            return MAX_EVENT_DELAY_S + self.everything_s
        return MAX_EVENT_DELAY_S + max(self.max_duration_s, max_event_s) + 2 * self.before_s + self.after_s


@dataclass(frozen=True)
class RetentionSettings:
    """When clips, masks and tables are deleted, and which clips first.

    Raises:
        SettingsError: A value is negative.
    """

    max_age_days: float = 0.0  # clips known to be older are deleted; 0: no limit
    max_gb: float = 0.0  # limit on the size of all clips; 0: no limit
    min_free_mb: float = 1000.0  # clips are deleted until this much is free, see `Retention`
    delete_for_others: bool = False  # also delete clips if other programs take it while birdedge runs
    max_masks_gb: float = 10.0  # limit on the size of all mask files; 0: no limit
    max_tables_gb: float = 1.0  # limit on the size of all tables; 0: no limit
    delete_first: Literal["oldest", "lowest_score"] = (
        "oldest"  # which clips go to meet the two limits on size
    )

    def __post_init__(self) -> None:
        _require_not_negative(self, "max_age_days", "max_gb", "min_free_mb", "max_masks_gb", "max_tables_gb")


@dataclass(frozen=True)
class PrivacySettings:
    """What happens to clips in which people speak, and how precisely clips state where they were recorded.

    Raises:
        SettingsError: A value is out of range.
    """

    speech: Literal["keep", "drop-clips", "erase-band"] = "keep"
    coordinate_decimals: int | None = None  # 2: about a kilometre; None: as configured

    def __post_init__(self) -> None:
        decimals = self.coordinate_decimals
        if decimals is not None and not 0 <= decimals <= MAX_DECIMALS:
            raise SettingsError(f"coordinate_decimals is {decimals}; it must lie in 0..{MAX_DECIMALS}")

    def rounded(self, coordinate_deg: float) -> float:
        """Return a latitude or longitude as precisely as clips may state it."""
        decimals = self.coordinate_decimals
        return coordinate_deg if decimals is None else round(coordinate_deg, decimals)


def _require_not_negative(settings: object, *names: str) -> None:
    for name in names:
        if not getattr(settings, name) >= 0:  # true for NaN as well
            raise SettingsError(f"{name} is {getattr(settings, name)}; it must not be negative")
