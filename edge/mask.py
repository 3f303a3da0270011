"""The mask: the probability of bird sound in every time-frequency bin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import DataError


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask file in memory; see `MaskFile` for what its fields mean."""

    mask: NDArray[np.uint8]  # [frames, bins], round(255 * probability)
    hop_s: float
    first_frame_s: float
    low_hz: float
    bin_hz: float
    threshold: float


def mask_bytes(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Probabilities as bytes: round(255 * probability), halves to the even byte; same shape.

    Raises:
        DataError: A value is NaN or outside 0..1.
    """
    if not np.all((probability >= 0) & (probability <= 1)):
        raise DataError("a mask holds a value that is NaN or outside 0..1: give probabilities")
    rounded: NDArray[np.uint8] = np.rint(255 * probability).astype(np.uint8)
    return rounded
