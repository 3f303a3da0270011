"""Bootstrap intervals agree with scipy's and contain the truth as often as stated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from birdedge.train.evaluation.figures import Figure
from birdedge.train.evaluation.intervals import interval, ratio_figure, share_figure


def mean(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(sums[..., 0] / sums[..., 1])


def bounds_of(counts: ArrayLike) -> list[float]:
    bounds = interval(counts, mean)
    assert bounds is not None
    return bounds


def test_the_interval_of_a_mean_matches_the_percentile_bootstrap_of_scipy() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=60)
    expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=2)
    low, high = bounds_of([(v, 1) for v in values])
    # 1000 draws determine a bound to about a twentieth of the interval.
    slack = 0.06 * (expected.confidence_interval.high - expected.confidence_interval.low)
    assert low == pytest.approx(expected.confidence_interval.low, abs=slack)
    assert high == pytest.approx(expected.confidence_interval.high, abs=slack)


def test_the_interval_contains_the_truth_about_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        low, high = bounds_of([(v, 1) for v in rng.normal(5.0, 1.0, 40)])
        held += low <= 5.0 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_recordings_are_weighted_by_their_counts() -> None:
    low, high = bounds_of([(90, 100), (90, 100), (0, 1)])
    assert low < 0.9
    assert high == pytest.approx(0.9, abs=0.001)


def test_the_same_counts_give_the_same_interval_and_one_recording_gives_none() -> None:
    counts = np.random.default_rng(4).random((20, 2))
    assert interval(counts, mean) == interval(counts, mean)
    assert interval(counts[:1], mean) is None
    assert interval(np.zeros((5, 2)), lambda sums: np.full(len(sums), np.nan)) is None


def test_a_share_has_a_bootstrap_interval_or_a_wilson_interval_if_none_or_all_succeed() -> None:
    successes = [True] * 6 + [False] * 3
    assert share_figure(successes) == ratio_figure([(s, 1) for s in successes])
    bound = stats.binomtest(9, 9).proportion_ci(method="wilson").low
    for successes, low, high in (([True] * 9, bound, 1.0), ([False] * 9, 0.0, 1 - bound)):
        figure = share_figure(successes)
        assert figure.value == float(successes[0])
        assert figure.interval == pytest.approx((low, high), abs=1e-4)


def test_an_empty_ratio_or_share_has_no_value() -> None:
    assert share_figure([]) == ratio_figure([]) == Figure(None)
