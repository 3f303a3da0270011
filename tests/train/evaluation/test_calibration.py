"""The reliability table and its error equal those counted bin by bin."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from birdedge.train.evaluation.calibration import calibration_error, calibration_figures, reliability
from birdedge.train.training.metrics import MaskScores


def scored(probability: ArrayLike, target: ArrayLike) -> MaskScores:
    scores = MaskScores()
    scores.add(probability, target)
    return scores


def drawn(seed: int, calibrated: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities in the 256 stored steps, and birds at that rate or at half of it."""
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random(400_000) * 255) / 255
    return probability, rng.random(400_000) < probability * (1.0 if calibrated else 0.5)


def test_calibrated_probabilities_have_no_error() -> None:
    assert calibration_error(reliability(scored(*drawn(1, True)))) < 0.005


def test_doubled_probabilities_have_an_error_of_a_quarter() -> None:
    rows = reliability(scored(*drawn(2, False)))
    assert calibration_error(rows) == pytest.approx(0.25, abs=0.005)
    assert rows[9].mean_probability == pytest.approx(0.95, abs=0.01)
    assert rows[9].bird_share == pytest.approx(0.475, abs=0.01)
    assert sum(row.count for row in rows) == 400_000


def test_the_error_matches_a_count_of_the_bins() -> None:
    probability, target = drawn(3, False)
    tenth = np.minimum((probability * 10 + 1e-9).astype(int), 9)
    gaps = [
        np.mean(tenth == i) * abs(probability[tenth == i].mean() - target[tenth == i].mean())
        for i in range(10)
    ]
    assert calibration_error(reliability(scored(probability, target))) == pytest.approx(sum(gaps), abs=1e-9)


def test_a_tenth_without_bins_is_left_out() -> None:
    rows = reliability(scored([0.0, 1.0], [False, True]))
    assert [row.count for row in rows] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert calibration_error(rows) == 0.0
    figures = calibration_figures(scored([0.0, 1.0], [False, True]))
    assert figures.error == 0.0
    assert figures.tenths == ((0.0, 0.0, 1), *[(None, None, 0)] * 8, (1.0, 1.0, 1))
