"""Scores counted batch by batch on the device of the tensors equal those counted from arrays."""

from __future__ import annotations

import pytest
import torch

from birdedge.train.training.epoch import EpochScores
from birdedge.train.training.metrics import MaskScores


def test_scores_counted_by_batch_equal_scores_counted_from_arrays() -> None:
    torch.manual_seed(3)
    counted, added = EpochScores(), MaskScores()
    for _ in range(3):
        logits = 4 * torch.randn(2, 12, 64)  # without a lookahead of 4
        target, weight = (torch.rand(2, 16, 64).round() for _ in range(2))
        counted.add(torch.tensor(0.0), logits, target, weight)
        added.add(torch.sigmoid(logits), target[:, :12], weight[:, :12])
    scores = counted.mask_scores()
    assert (scores.bird == added.bird).all()
    assert (scores.background == added.background).all()
    assert scores.bird.sum() > 300


def test_the_loss_is_the_mean_over_all_or_the_last_batches() -> None:
    scores = EpochScores()
    for loss in (4.0, 2.0, 1.0):
        scores.add(torch.tensor(loss), torch.zeros(1, 1, 1), torch.zeros(1, 1, 1), torch.ones(1, 1, 1))
    assert scores.mean_loss() == pytest.approx(7 / 3)
    assert scores.mean_loss(2) == 1.5
    assert scores.mean_loss(50) == pytest.approx(7 / 3)
