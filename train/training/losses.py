"""Losses over bins; a bin of weight 0 is ignored."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from birdedge.train.data.class_cells import CELL_BINS, CELL_FRAMES


def mask_loss(name: str, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the loss with a name from `recipe.LOSSES`.

    Shape: three `[batch, frames, bins]` -> scalar.
    """
    total = torch.zeros((), device=logits.device)
    if "cross-entropy" in name:
        total = total + _mean(
            functional.binary_cross_entropy_with_logits(logits, target, reduction="none"), weight
        )
    if name == "focal":  # Lin et al. 2017, arXiv 1708.02002, gamma 2
        entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        total = total + _mean((1 - torch.exp(-entropy)) ** 2 * entropy, weight)
    if "dice" in name:  # Milletari et al. 2016, arXiv 1606.04797, over the whole batch
        probability = torch.sigmoid(logits) * weight
        overlap = (probability * target).sum()
        total = total + 1 - (2 * overlap + 1) / (probability.sum() + (target * weight).sum() + 1)
    return total


def teacher_loss(logits: Tensor, taught: Tensor, weight: Tensor) -> Tensor:
    """Return the cross-entropy against the probabilities of teachers; a bin without a label (weight 0) counts half.

    Hinton et al. 2015, arXiv 1503.02531.

    Shape: three `[batch, frames, bins]` with a common first frame, cut to the shortest -> scalar.
    """
    kept = min(a.shape[1] for a in (logits, taught, weight))
    logits, taught, weight = (a[:, :kept] for a in (logits, taught, weight))
    entropy = functional.binary_cross_entropy_with_logits(logits, taught, reduction="none")
    return (entropy * (0.5 + 0.5 * weight)).mean()


def class_teacher_loss(class_logits: Tensor, taught: Tensor, probability: Tensor) -> Tensor:
    """Return the cross-entropy of the class map against the teachers' class probabilities, weighted by their mask.

    Args:
        class_logits: Class logits of the network, `[batch, classes, frames / 4, bins / 4]`.
        taught: Class probabilities of the teachers, in the same shape.
        probability: Mask probabilities of the teachers, `[batch, frames, bins]`. All three begin with the same frame
            and are cut to the shortest.
    """
    weight = functional.avg_pool2d(probability, (CELL_FRAMES, CELL_BINS))
    kept = min(class_logits.shape[2], taught.shape[2], weight.shape[1])
    entropy = -(taught[:, :, :kept] * torch.log_softmax(class_logits[:, :, :kept].float(), dim=1)).sum(dim=1)
    weight = weight[:, :kept]
    return (entropy * weight).sum() / weight.sum().clamp(min=1)


def _mean(loss: Tensor, weight: Tensor) -> Tensor:
    return (loss * weight).sum() / weight.sum().clamp(min=1)
