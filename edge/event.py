"""The sound event: one closed region of the mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # commands that only name events load no numpy
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Event:
    """A bird sound, bounded in time and frequency.

    Times are seconds from the start of the stream. They are derived from sample counts, never read from a clock.
    """

    onset_s: float
    offset_s: float
    low_hz: float
    high_hz: float
    peak_hz: float  # centre of the loudest bin in the region
    score: float  # mean probability over the region, 0..1
    area_hz_s: float  # area of the region in the time-frequency plane
    snr_db: float  # mean level in the region above the noise floor of its bins
    first_frame: int  # frame of mask[0]
    first_bin: int  # bin of mask[:, 0]
    mask: NDArray[np.uint8]  # [frames, bins], round(255 * probability), 0 outside the region

    @property
    def duration_s(self) -> float:
        """Seconds from onset to offset."""
        return self.offset_s - self.onset_s
