"""Presence: the highest event score distinguishes clips with a bird from clips without one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from birdedge.train.evaluation.figures import Figure
from birdedge.train.evaluation.presence import presence_figures


def test_a_clip_with_a_score_above_the_threshold_counts_as_having_a_bird() -> None:
    scores, heard = [0.9, 0.4, 0.0, 0.6, 0.0], [True, True, True, False, False]
    figures = presence_figures(scores, heard)
    assert (figures.clips_with_birds, figures.clips_without_birds) == (3, 2)
    assert figures.recall.value == pytest.approx(2 / 3, abs=1e-4)
    assert figures.false_alarms.value == 0.5
    stricter = presence_figures(scores, heard, threshold=0.6)
    assert stricter.recall.value == pytest.approx(1 / 3, abs=1e-4)
    assert stricter.false_alarms.value == 0.0


def test_the_roc_auc_is_the_share_of_ordered_pairs_and_its_interval_matches_the_bootstrap_of_scipy() -> None:
    rng = np.random.default_rng(5)
    birds, others = np.round(rng.beta(4, 2, 40), 1), np.round(rng.beta(2, 2, 60), 1)  # with equal scores

    def auc(birds: NDArray[np.float64], others: NDArray[np.float64]) -> float:
        return float(stats.mannwhitneyu(birds, others).statistic / (len(birds) * len(others)))

    figure = presence_figures([*birds, *others], [True] * 40 + [False] * 60).roc_auc
    assert figure.value == pytest.approx(auc(birds, others), abs=1e-4)
    expected = stats.bootstrap(
        (birds, others), auc, n_resamples=999, method="percentile", vectorized=False, rng=2
    )
    assert figure.interval == pytest.approx(
        (expected.confidence_interval.low, expected.confidence_interval.high), abs=0.02
    )


def test_figures_that_need_clips_of_a_missing_kind_have_no_value() -> None:
    figures = presence_figures([0.9, 0.0], [True, True])
    assert figures.false_alarms == figures.roc_auc == Figure(None)
    assert figures.recall.value == 0.5
