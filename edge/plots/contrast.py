"""The range of levels that a spectrogram image shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIN_RANGE_DB = 20.0  # a smaller range would make silence look loud


def contrast_db(level_db: NDArray[np.float32]) -> tuple[float, float]:
    """Return the levels of the darkest and the brightest colour: percentiles 20 and 99.9, at least 20 dB apart."""
    finite = level_db[np.isfinite(level_db)]
    if not finite.size:
        return 0.0, 1.0
    darkest, brightest = np.percentile(finite, (20, 99.9))
    return float(darkest), float(max(brightest, darkest + MIN_RANGE_DB))
