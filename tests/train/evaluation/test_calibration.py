"""The reliability table and its error equal those counted bin by bin."""

import numpy as np
import pytest

from birdedge.train.evaluation.calibration import calibration_error, reliability
from birdedge.train.training.metrics import MaskScores


def scored(probability, target):
    scores = MaskScores()
    scores.add(probability, target)
    return scores


def drawn(seed, honest):
    """Probabilities in the stored 256 steps, and birds as often as they say (or half as often)."""
    rng = np.random.default_rng(seed)
    probability = np.round(rng.random(400_000) * 255) / 255
    return probability, rng.random(400_000) < probability * (1.0 if honest else 0.5)


def test_who_is_honest_has_no_error():
    assert calibration_error(reliability(scored(*drawn(1, True)))) < 0.005


def test_who_says_twice_what_is_true_is_wrong_by_a_quarter_on_average():
    rows = reliability(scored(*drawn(2, False)))
    assert calibration_error(rows) == pytest.approx(0.25, abs=0.005)
    assert rows[9].mean_probability == pytest.approx(0.95, abs=0.01)
    assert rows[9].bird_share == pytest.approx(0.475, abs=0.01)
    assert sum(row.count for row in rows) == 400_000


def test_the_error_is_that_counted_bin_by_bin():
    probability, target = drawn(3, False)
    tenth = np.minimum((probability * 10 + 1e-9).astype(int), 9)
    gaps = [
        np.mean(tenth == i) * abs(probability[tenth == i].mean() - target[tenth == i].mean())
        for i in range(10)
    ]
    assert calibration_error(reliability(scored(probability, target))) == pytest.approx(sum(gaps), abs=1e-9)


def test_a_tenth_without_bins_is_left_out():
    rows = reliability(scored([0.0, 1.0], [False, True]))
    assert [row.count for row in rows] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert calibration_error(rows) == 0.0
