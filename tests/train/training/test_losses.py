"""Losses agree with their formulas written out."""

from __future__ import annotations

import math

import pytest
import torch

from birdedge.train.training.losses import class_teacher_loss, mask_loss, teacher_loss
from birdedge.train.training.recipe import LOSSES

LOGITS = torch.tensor([[[2.0, -1.0], [0.5, -3.0]]])
TARGET = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
ALL = torch.ones(1, 2, 2)


def expected(name: str, weight: torch.Tensor) -> float:
    p = torch.sigmoid(LOGITS).double()
    labelled, target = weight.double(), TARGET.double()
    entropy = -(target * p.log() + (1 - target) * (1 - p).log())
    mean = {
        "cross-entropy": (entropy * labelled).sum() / labelled.sum(),
        "focal": (torch.where(target > 0, 1 - p, p) ** 2 * entropy * labelled).sum() / labelled.sum(),
        "dice": 1
        - (2 * (p * target * labelled).sum() + 1) / ((p * labelled).sum() + (target * labelled).sum() + 1),
    }
    return sum(float(mean[part]) for part in name.split("+"))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("weight", [ALL, torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])])
def test_each_loss_matches_its_formula_over_the_bins_that_count(name: str, weight: torch.Tensor) -> None:
    assert mask_loss(name, LOGITS, TARGET, weight).item() == pytest.approx(expected(name, weight), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_bin_left_out_has_no_gradient(name: str) -> None:
    logits = LOGITS.clone().requires_grad_()
    weight = torch.tensor([[[1.0, 0.0], [1.0, 1.0]]])
    (gradient,) = torch.autograd.grad(mask_loss(name, logits, TARGET, weight), logits)
    assert gradient[0, 0, 1] == 0
    assert (gradient[weight > 0] != 0).all()


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_labels_has_a_finite_loss(name: str) -> None:
    assert torch.isfinite(mask_loss(name, LOGITS, TARGET, torch.zeros(1, 2, 2)))


def test_an_unlabelled_bin_counts_half_in_the_teacher_loss() -> None:
    """A logit of 0 costs ln 2 for any target; ln 3 is a probability of 3/4."""
    logits = torch.tensor([[[0.0, 1.0986123], [1.0986123, 0.0]]])
    taught = torch.tensor([[[0.9, 0.25], [1.0, 0.5]]])
    weight = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    log2, log4 = math.log(2), math.log(4)
    of_quarter = 0.25 * (log4 - math.log(3)) + 0.75 * log4
    expected = (log2 + 0.5 * of_quarter + (log4 - math.log(3)) + 0.5 * log2) / 4
    assert teacher_loss(logits, taught, weight).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shortest", ["logits", "taught"])
def test_a_student_and_teachers_are_compared_in_their_common_frames(shortest: str) -> None:
    given = {"logits": torch.randn(2, 7, 3), "taught": torch.rand(2, 7, 3), "weight": torch.ones(2, 7, 3)}
    cut = {name: value[:, :4] for name, value in given.items()}
    assert teacher_loss(**{**given, shortest: cut[shortest]}) == teacher_loss(**cut)


def test_the_class_map_is_compared_where_the_teachers_see_a_sound() -> None:
    taught = torch.tensor([0.75, 0.25])[None, :, None, None].expand(1, 2, 3, 64)
    logits = torch.zeros(1, 2, 4, 64)
    logits[:, 0, 1] = 5.0  # wrong, where the mask is empty
    probability = torch.zeros(1, 12, 256)
    probability[:, :4, :128] = 0.9
    loss = class_teacher_loss(logits, taught, probability)
    assert loss.item() == pytest.approx(math.log(2), rel=1e-6)
    logits[:, :, 0] = torch.log(taught[:, :, 0])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert class_teacher_loss(logits, taught, probability).item() == pytest.approx(entropy, rel=1e-6)
