"""95 % bootstrap intervals over recordings, and figures with such an interval.

The percentile bootstrap of Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13. Recordings are
drawn, not bins or events, because the sounds of one recording resemble each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from birdedge.train.evaluation.figures import Figure

Float64 = NDArray[np.float64]
DRAWS = 1000
SEED = 95


def interval(counts: ArrayLike, figure: Callable[[Float64], Any]) -> list[float] | None:
    """Return the 95 % interval `[low, high]` of a figure, or None for fewer than two recordings.

    Draws with an undefined figure (NaN) are skipped.

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


def figure_of_sums(
    value: Any, counts: ArrayLike, of_sums: Callable[[Float64], Any], decimals: int = 4
) -> Figure:
    """Return a figure, with the interval of `of_sums` from the counts of each recording."""
    return _rounded(value, interval(counts, of_sums), decimals)


def ratio_figure(rows: ArrayLike, decimals: int = 4) -> Figure:
    """Return the ratio of the sums of `rows [recordings, 2]`, first column over second."""
    table = np.asarray(rows, np.float64).reshape(-1, 2)
    return figure_of_sums(_ratio(table.sum(axis=0)), table, _ratio, decimals)


def share_figure(successes: ArrayLike) -> Figure:
    """Return the share of recordings with a success, with Wilson's interval if none or all have one.

    In that case all resamples are equal, and the bootstrap would claim certainty.

    Shape: `successes [recordings]`.
    """
    table = np.array([(success, 1) for success in np.asarray(successes, bool)], np.float64).reshape(-1, 2)
    part, whole = table.sum(axis=0)
    if whole and part in (0, whole):
        return _rounded(part / whole, wilson(part, whole), 4)
    return ratio_figure(table)


def wilson(part: float, whole: float) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    z = 1.96
    share, correction = part / whole, z * z / whole
    half = z * math.sqrt((share * (1 - share) + correction / 4) / whole)
    return (
        (share + correction / 2 - half) / (1 + correction),
        (share + correction / 2 + half) / (1 + correction),
    )


def _ratio(sums: Any) -> Any:
    """Return the first sum over the second, or NaN if the second is 0."""
    sums = np.asarray(sums, np.float64)
    return np.divide(sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=sums[..., 1] > 0)


def _rounded(value: Any, bounds: Sequence[float] | None, decimals: int) -> Figure:
    return Figure(
        value=round(float(value), decimals) if np.isfinite(value) else None,
        interval=None
        if bounds is None
        else (round(float(bounds[0]), decimals), round(float(bounds[1]), decimals)),
    )
