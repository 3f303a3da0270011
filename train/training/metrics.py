"""Mask scores, pooled over any number of recordings, at all thresholds at once.

Probabilities of bird and of background bins are counted in two histograms of 256 steps, the precision of stored masks.
All figures follow from them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS = 256
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


class MaskScores:
    """Histograms of the probabilities of bird and background bins."""

    def __init__(self) -> None:
        self.bird: Int64 = np.zeros(STEPS, np.int64)
        self.background: Int64 = np.zeros(STEPS, np.int64)

    def add(self, probability: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> None:
        """Count bins, except those of weight 0.

        Shape: all the same. Probabilities are 0..1.
        """
        step = np.round(np.asarray(probability) * (STEPS - 1)).astype(np.int64)
        bird = np.asarray(target, bool)
        labelled = np.ones_like(bird) if weight is None else np.asarray(weight, bool)
        self.bird += np.bincount(step[labelled & bird], minlength=STEPS)
        self.background += np.bincount(step[labelled & ~bird], minlength=STEPS)

    def __iadd__(self, other: MaskScores) -> MaskScores:
        self.bird += other.bird
        self.background += other.background
        return self

    def iou_curve(self) -> Float64:
        """Return the foreground IoU at each threshold step/255; 1 if there is no bird bin and none was found."""
        return iou_curve(self.bird, self.background)

    def iou(self, threshold: float) -> float:
        """Return the intersection over union of the bird bins."""
        return float(self.iou_curve()[step_of(threshold)])

    def dice(self, threshold: float) -> float:
        """Return the Dice coefficient (F1 of the bins)."""
        return float(dice_of(self.iou(threshold)))

    def best_threshold(self) -> float:
        """Return the threshold of the highest IoU. Choose it on validation data, never on a test set."""
        return int(np.argmax(self.iou_curve()[1:]) + 1) / (STEPS - 1)

    def cautious_threshold(self, slack: float = 0.005) -> float:
        """Return the highest threshold with an IoU within `slack` of the best: fewer false alarms at almost no cost.

        The curve is flat around its maximum, and a higher threshold mostly removes false bins.
        """
        curve = self.iou_curve()
        return int(np.flatnonzero(curve >= curve[1:].max() - slack)[-1]) / (STEPS - 1)

    def pr_auc(self) -> float:
        """Return the average precision: the area under precision over recall, without interpolation."""
        return float(average_precision(self.bird, self.background))


def step_of(threshold: float) -> int:
    """Return the lowest step that counts as bird at `threshold`."""
    return round(threshold * (STEPS - 1))


def iou_curve(bird: ArrayLike, background: ArrayLike) -> Float64:
    """Return the foreground IoU at each step from histograms `[..., 256]`."""
    hits, false = _at_or_above_step(bird), _at_or_above_step(background)
    union = hits[..., :1] + false
    curve: Float64 = np.divide(hits, union, out=np.ones_like(union), where=union > 0)
    return curve


def dice_of(iou: ArrayLike) -> Float64:
    """Return the Dice coefficient of an IoU."""
    iou = np.asarray(iou, np.float64)
    dice: Float64 = 2 * iou / (1 + iou)
    return dice


def average_precision(bird: ArrayLike, background: ArrayLike) -> Float64:
    """Return the average precision from histograms `[..., 256]`, NaN without bird bins."""
    hits, false = _at_or_above_step(bird), _at_or_above_step(background)
    precision = np.divide(hits, hits + false, out=np.ones_like(hits), where=hits + false > 0)
    birds = hits[..., :1]
    recall = np.divide(hits, birds, out=np.full_like(hits, np.nan), where=birds > 0)
    gained = -np.diff(recall, axis=-1, append=0.0)
    return np.asarray(np.sum(gained * precision, axis=-1), np.float64)


def roc_auc(positive: ArrayLike, negative: ArrayLike) -> Float64:
    """Return the area under the ROC curve (Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747).

    It is the share of pairs in which the positive has the higher score; equal scores count half.

    Args:
        positive: How many positives have each score, ascending, `[..., scores]`.
        negative: How many negatives have each score, likewise. The area is NaN without pairs.
    """
    positives, negatives = np.asarray(positive, np.float64), np.asarray(negative, np.float64)
    lower = np.cumsum(negatives, axis=-1) - negatives / 2
    pairs = positives.sum(axis=-1) * negatives.sum(axis=-1)
    higher = (positives * lower).sum(axis=-1)
    auc: Float64 = np.divide(higher, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
    return auc


def _at_or_above_step(histogram: ArrayLike) -> Float64:
    counts = np.asarray(histogram, np.float64)
    return np.asarray(np.flip(np.cumsum(np.flip(counts, -1), axis=-1), -1), np.float64)
