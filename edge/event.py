"""The sound event: one closed region of the mask, or a piece of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from birdedge.edge.sound_classes import BIRD

if TYPE_CHECKING:  # commands that only name events do not load numpy
    import numpy as np
    from numpy.typing import NDArray

# Why a region is not an event: its mask is never certain, or it is probably something else.
Reason = Literal["", "faint", "other sound"]


@dataclass(frozen=True, eq=False)
class Event:
    """A bird sound, bounded in time and frequency, or a region that was rejected for a `reason`.

    Times are seconds from the start of the stream. They are derived from sample counts, never read from a clock. Times
    and frequencies are tight around the energy; the mask is wider, as a person would paint it.
    """

    onset_s: float
    offset_s: float
    low_hz: float
    high_hz: float
    peak_hz: float  # centre of the loudest bin in the region
    score: float  # probability of a bird, 0..1; without a class map, the mean probability over the region
    area_hz_s: float  # area of the region in the time-frequency plane
    snr_db: float  # mean level in the region above the noise floor of its bins
    first_frame: int  # frame of mask[0]
    first_bin: int  # bin of mask[:, 0]
    mask: NDArray[np.uint8]  # [frames, bins], round(255 * probability), 0 outside the region
    sound_class: str = BIRD  # the most probable class of sound
    class_score: float = 1.0  # its probability
    busy_10_s: float = 0.0  # share of the last 10 s in which regions of any sound covered half of the band
    busy_30_s: float = 0.0  # likewise
    busy_60_s: float = 0.0
    alike: int = 0  # regions of the last 60 s with nearly the same band and duration
    reason: Reason = ""  # why it was rejected; "" for an event

    @property
    def max_probability(self) -> float:
        """The highest probability in the region."""
        return float(self.mask.max(initial=0)) / 255

    @property
    def duration_s(self) -> float:
        """Seconds from onset to offset."""
        return self.offset_s - self.onset_s

    def without_mask(self) -> Event:
        """Return the event with an empty mask, for callers that keep too many events to hold their masks in memory."""
        return replace(self, mask=self.mask[:0].copy())
