"""95 % bootstrap intervals over recordings.

The percentile bootstrap of Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13. Recordings are
drawn, not bins or events, because the sounds of one recording resemble each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
DRAWS = 1000
SEED = 95


def interval(counts: ArrayLike, figure: Callable[[Float64], Any]) -> list[float] | None:
    """Return the 95 % interval `[low, high]` of a figure, None for fewer than two recordings.

    Draws with an undefined figure (NaN) are left out.

    Args:
        counts: `[recordings, k]`.
        figure: Maps sums of counts over recordings, `[draws, k]`, to the figure of each draw.
    """
    table = np.asarray(counts, np.float64)
    recordings = len(table)
    if recordings < 2:
        return None
    rng = np.random.default_rng(SEED)
    times_drawn = rng.multinomial(recordings, np.full(recordings, 1 / recordings), DRAWS)
    drawn = np.asarray(figure(times_drawn @ table), np.float64)
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return None
    return [round(float(bound), 4) for bound in np.percentile(drawn, (2.5, 97.5))]
