"""The results of one epoch, and the scores of its batches that they come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from birdedge.train.training.metrics import STEPS, MaskScores
from birdedge.train.training.regions import RegionScores


@dataclass(frozen=True)
class Epoch:
    """The results of one epoch."""

    epoch: int
    train_loss: float
    train_iou: float
    validation_loss: float
    validation_iou: float
    validation_auc: float  # of the regions' probability of a bird
    threshold: float  # for the model, chosen on validation data
    learning_rate: float

    @property
    def score(self) -> float:
        """The figure by which epochs are compared: the mean of IoU and AUC on validation data."""
        return (self.validation_iou + self.validation_auc) / 2

    def __str__(self) -> str:
        return (
            f"epoch {self.epoch}: train loss {self.train_loss:.3f} IoU {self.train_iou:.3f}, "
            f"validation loss {self.validation_loss:.3f} IoU {self.validation_iou:.3f}, "
            f"AUC of regions {self.validation_auc:.3f}, threshold {self.threshold:.2f}"
        )


class EpochScores:
    """Losses and histograms of probabilities, counted batch by batch on the device of the tensors."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._counts = torch.zeros(2, STEPS, dtype=torch.int64)
        self.regions = RegionScores()

    def add(self, loss: Tensor, logits: Tensor, target: Tensor, weight: Tensor) -> None:
        """Count a batch, except bins of weight 0.

        Shape: logits `[batch, frames, bins]`; target and weight may have more frames, which are ignored.
        """
        self._losses.append(loss.detach())
        frames = logits.shape[1]
        step = torch.round(torch.sigmoid(logits.detach()) * (STEPS - 1)).long()
        of_class = step + STEPS * target[:, :frames].bool()
        counted = of_class[weight[:, :frames].bool()]
        histograms = torch.bincount(counted, minlength=2 * STEPS).view(2, STEPS)
        self._counts = self._counts.to(histograms.device) + histograms

    def mean_loss(self, last: int | None = None) -> float:
        """Return the mean loss of the `last` batches, or of all."""
        losses = self._losses if last is None else self._losses[-last:]
        return float(np.mean(torch.stack(losses).double().cpu().numpy()))

    def mask_scores(self) -> MaskScores:
        """Return the scores of all bins so far."""
        scores = MaskScores()
        scores.background, scores.bird = self._counts.cpu().numpy()
        return scores
