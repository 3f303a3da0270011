"""Mask scores, pooled over any number of recordings, at every threshold at once.

Probabilities are counted in 256 steps, the precision in which masks are stored, apart for bird and background
bins; every figure follows from the two histograms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEPS = 256
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]


class MaskScores:
    """Counts of probabilities over bird and background bins."""

    def __init__(self) -> None:
        self.bird: Int64 = np.zeros(STEPS, np.int64)
        self.background: Int64 = np.zeros(STEPS, np.int64)

    def add(self, probability: ArrayLike, target: ArrayLike, weight: ArrayLike | None = None) -> None:
        """Counts bins; those of weight 0 are left out. All arrays of one shape, probabilities 0..1."""
        step = np.round(np.asarray(probability) * (STEPS - 1)).astype(np.int64)
        bird = np.asarray(target, bool)
        told = np.ones_like(bird) if weight is None else np.asarray(weight, bool)
        self.bird += np.bincount(step[told & bird], minlength=STEPS)
        self.background += np.bincount(step[told & ~bird], minlength=STEPS)

    def __iadd__(self, other: MaskScores) -> MaskScores:
        self.bird += other.bird
        self.background += other.background
        return self

    def iou_curve(self) -> Float64:
        """Foreground IoU at each threshold step/255; 1 where nothing was to be found and nothing was."""
        return iou_curve(self.bird, self.background)

    def iou(self, threshold: float) -> float:
        """Intersection over union of the bird bins."""
        return float(self.iou_curve()[step_of(threshold)])

    def dice(self, threshold: float) -> float:
        """Dice coefficient (F1 of the bins)."""
        return float(dice_of(self.iou(threshold)))

    def best_threshold(self) -> float:
        """The threshold of the highest IoU: to be chosen on validation sound, never on a test set."""
        return int(np.argmax(self.iou_curve()[1:]) + 1) / (STEPS - 1)

    def cautious_threshold(self, slack: float = 0.005) -> float:
        """The highest threshold whose IoU is within `slack` of the best: fewer false alarms for next to nothing.

        The curve is flat about its top, and what a higher threshold leaves out is mostly what is no bird.
        """
        curve = self.iou_curve()
        return int(np.flatnonzero(curve >= curve[1:].max() - slack)[-1]) / (STEPS - 1)

    def pr_auc(self) -> float:
        """Average precision: the area under precision over recall, without interpolation."""
        return float(average_precision(self.bird, self.background))


def step_of(threshold: float) -> int:
    """The step from which on a bin is found at `threshold`."""
    return round(threshold * (STEPS - 1))


def iou_curve(bird: ArrayLike, background: ArrayLike) -> Float64:
    """Foreground IoU at each step, from histograms `[..., 256]`."""
    hits, false = _from_each_step_on(bird), _from_each_step_on(background)
    union = hits[..., :1] + false
    curve: Float64 = np.divide(hits, union, out=np.ones_like(union), where=union > 0)
    return curve


def dice_of(iou: ArrayLike) -> Float64:
    """Dice coefficient that goes with an IoU."""
    iou = np.asarray(iou, np.float64)
    dice: Float64 = 2 * iou / (1 + iou)
    return dice


def average_precision(bird: ArrayLike, background: ArrayLike) -> Float64:
    """Average precision from histograms `[..., 256]`; NaN where there is no bird bin."""
    hits, false = _from_each_step_on(bird), _from_each_step_on(background)
    precision = np.divide(hits, hits + false, out=np.ones_like(hits), where=hits + false > 0)
    birds = hits[..., :1]
    recall = np.divide(hits, birds, out=np.full_like(hits, np.nan), where=birds > 0)
    gained = -np.diff(recall, axis=-1, append=0.0)
    return np.asarray(np.sum(gained * precision, axis=-1), np.float64)


def _from_each_step_on(histogram: ArrayLike) -> Float64:
    counts = np.asarray(histogram, np.float64)
    return np.asarray(np.flip(np.cumsum(np.flip(counts, -1), axis=-1), -1), np.float64)
