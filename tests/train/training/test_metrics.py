"""Scores from two histograms equal those counted bin by bin."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from birdedge.train.training.metrics import MaskScores


def a_scene(seed: int, shape: tuple[int, int] = (40, 30)) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities in the stored steps of 1/255, and a target that they are correlated with."""
    rng = np.random.default_rng(seed)
    target = rng.random(shape) < 0.2
    probability = np.round(np.clip(rng.normal(0.35 + 0.3 * target, 0.2), 0, 1) * 255) / 255
    return probability, target


def scored(*scenes: tuple[ArrayLike, ...]) -> MaskScores:
    scores = MaskScores()
    for scene in scenes:
        scores.add(*scene)
    return scores


@pytest.mark.parametrize("threshold", [0, 1 / 255, 0.2, 0.5, 0.7, 1.0])
def test_iou_and_dice_match_a_direct_count(threshold: float) -> None:
    probability, target = a_scene(1)
    found = probability >= round(threshold * 255) / 255
    both = np.count_nonzero(found & target)
    scores = scored((probability, target))
    assert scores.iou(threshold) == pytest.approx(both / np.count_nonzero(found | target), abs=1e-12)
    assert scores.dice(threshold) == pytest.approx(2 * both / (found.sum() + target.sum()), abs=1e-12)


def test_pr_auc_is_the_average_precision_over_all_thresholds() -> None:
    probability, target = a_scene(2)
    expected, recall_before = 0.0, 0.0
    for threshold in np.unique(probability)[::-1]:
        found = probability >= threshold
        hits = np.count_nonzero(found & target)
        recall = hits / target.sum()
        expected += (recall - recall_before) * hits / found.sum()
        recall_before = recall
    assert scored((probability, target)).pr_auc() == pytest.approx(expected, abs=1e-12)


def test_the_pr_auc_is_the_share_of_birds_for_chance_and_one_for_certainty() -> None:
    rng = np.random.default_rng(3)
    target = rng.random(200_000) < 0.3
    assert scored((rng.random(200_000), target)).pr_auc() == pytest.approx(0.3, abs=0.01)
    assert scored((target.astype(float), target)).pr_auc() == 1.0


def test_recordings_are_pooled_by_their_bins_whether_added_or_summed() -> None:
    scenes = [a_scene(1), a_scene(2, (7, 5)), a_scene(3, (100, 2))]
    pooled = scored(tuple(np.concatenate([s[i].ravel() for s in scenes]) for i in (0, 1)))
    summed = MaskScores()
    for scene in scenes:
        summed += scored(scene)
    for scores in (scored(*scenes), summed):
        np.testing.assert_array_equal(scores.iou_curve(), pooled.iou_curve())
        assert scores.pr_auc() == pooled.pr_auc()


def test_bins_of_weight_zero_are_left_out() -> None:
    probability, target = a_scene(4)
    weight = np.random.default_rng(5).random(target.shape) < 0.5
    left = scored((probability[weight], target[weight]))
    np.testing.assert_array_equal(scored((probability, target, weight)).iou_curve(), left.iou_curve())
    np.testing.assert_array_equal(scored((probability, target, 0 * weight)).bird, np.zeros(256))


def test_the_best_threshold_gives_the_highest_iou() -> None:
    scores = scored(a_scene(6))
    best = scores.best_threshold()
    assert scores.iou(best) == max(scores.iou(step / 255) for step in range(1, 256))
    assert best * 255 == pytest.approx(round(best * 255))


def test_the_cautious_threshold_is_the_highest_that_costs_at_most_the_slack() -> None:
    scores = scored(a_scene(6))
    best = max(scores.iou(step / 255) for step in range(1, 256))
    cautious = scores.cautious_threshold(0.01)
    assert cautious > scores.best_threshold()
    assert scores.iou(cautious) >= best - 0.01
    assert all(scores.iou(step / 255) < best - 0.01 for step in range(round(cautious * 255) + 1, 256))


def test_without_birds_an_empty_mask_scores_one_and_a_false_bin_scores_zero() -> None:
    quiet, silent = np.zeros((5, 5)), np.zeros((5, 5), bool)
    assert MaskScores().iou(0.5) == 1.0
    assert scored((quiet, silent)).iou(0.5) == 1.0
    assert np.isnan(scored((quiet, silent)).pr_auc())
    quiet[0, 0] = 0.9
    assert scored((quiet, silent)).iou(0.5) == 0.0
    assert scored((np.zeros((5, 5)), ~silent)).iou(0.5) == 0.0


def test_a_probability_passes_the_threshold_equal_to_its_stored_value() -> None:
    for step in range(256):
        scores = scored(([step / 255, 0.0], [True, False]))
        assert scores.iou(step / 255) == (1.0 if step else 0.5)
        assert step == 255 or scores.iou((step + 1) / 255) == 0.0
