"""Bootstrap intervals agree with scipy's, and hold what they promise."""

import numpy as np
import pytest
from scipy import stats

from birdedge.train.evaluation.intervals import interval


def mean(sums):
    return sums[..., 0] / sums[..., 1]


def test_the_interval_of_a_mean_is_that_of_scipys_percentile_bootstrap():
    values = np.random.default_rng(1).gamma(2.0, size=60)
    expected = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=2)
    low, high = interval([(v, 1) for v in values], mean)
    # 1000 draws know a bound to about a twentieth of the interval.
    slack = 0.06 * (expected.confidence_interval.high - expected.confidence_interval.low)
    assert low == pytest.approx(expected.confidence_interval.low, abs=slack)
    assert high == pytest.approx(expected.confidence_interval.high, abs=slack)


def test_the_interval_holds_the_truth_about_nineteen_times_in_twenty():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        low, high = interval([(v, 1) for v in rng.normal(5.0, 1.0, 40)], mean)
        held += low <= 5.0 <= high
    assert 0.88 <= held / 200 <= 0.99


def test_long_recordings_weigh_as_their_counts_do():
    low, high = interval([(90, 100), (90, 100), (0, 1)], mean)
    assert low < 0.9
    assert high == pytest.approx(0.9, abs=0.001)


def test_the_same_counts_give_the_same_interval_and_one_recording_gives_none():
    counts = np.random.default_rng(4).random((20, 2))
    assert interval(counts, mean) == interval(counts, mean)
    assert interval(counts[:1], mean) is None
    assert interval(np.zeros((5, 2)), lambda sums: np.full(len(sums), np.nan)) is None
