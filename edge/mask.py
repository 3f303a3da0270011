"""The mask: the probability of bird sound in every time-frequency bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import DataError

NO_MASK = np.zeros((0, 0), np.uint8)  # for an event that is kept or read without its mask


@dataclass(frozen=True, eq=False)
class Mask:
    """The mask of a recording, with its time and frequency axes.

    Frame t is centred `first_frame_s + t * hop_s` seconds after the start of the recording, and bin b at
    `low_hz + b * bin_hz` hertz. A bin belongs to a bird if its probability reaches `threshold`.
    """

    mask: NDArray[np.uint8]  # [frames, bins], round(255 * probability)
    hop_s: float
    first_frame_s: float
    low_hz: float
    bin_hz: float
    threshold: float


def mask_bytes(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return `round(255 * probability)` as bytes of the same shape; halves round to even.

    Raises:
        DataError: A value is NaN or outside 0..1.
    """
    # The comparisons are False for NaN too, and take only two passes.
    if probability.size and not (probability.min() >= 0 and probability.max() <= 1):
        raise DataError("a mask holds a value that is NaN or outside 0..1: give probabilities")
    scaled = 255 * probability
    return np.rint(scaled, out=scaled).astype(np.uint8)
