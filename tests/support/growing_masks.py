"""Growing mask files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.formats.growing_mask import GrowingMaskFile

FIELDS: dict[str, Any] = {
    "hop_s": 0.008,
    "first_frame_s": 0.016,
    "low_hz": 62.5,
    "bin_hz": 62.5,
    "threshold": 0.55,
}
SECOND = 125  # frames


def frames(count: int, seed: int = 5) -> NDArray[np.uint8]:
    """Return frames; one in ten is not empty."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, 256), np.uint8) * (rng.random((count, 1)) > 0.9)


def grown(path: Path, mask: NDArray[np.uint8], piece: int = 32) -> GrowingMaskFile:
    """Return the open mask file of a stream after these frames, pushed in pieces."""
    file = GrowingMaskFile(path, **FIELDS)
    for start in range(0, len(mask), piece):
        file.push(mask[start : start + piece])
    return file
