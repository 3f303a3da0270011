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

    def _hits_and_false(self) -> tuple[Float64, Float64]:
        """Bird bins and background bins at or above each step."""
        return (
            np.cumsum(self.bird[::-1])[::-1].astype(np.float64),
            np.cumsum(self.background[::-1])[::-1].astype(np.float64),
        )

    def iou_curve(self) -> Float64:
        """Foreground IoU at each threshold step/255; 1 where nothing was to be found and nothing was."""
        hits, false = self._hits_and_false()
        union = self.bird.sum() + false
        curve: Float64 = np.divide(hits, union, out=np.ones(STEPS), where=union > 0)
        return curve

    def iou(self, threshold: float) -> float:
        """Intersection over union of the bird bins."""
        return float(self.iou_curve()[_step(threshold)])

    def dice(self, threshold: float) -> float:
        """Dice coefficient (F1 of the bins)."""
        iou = self.iou(threshold)
        return 2 * iou / (1 + iou)

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
        hits, false = self._hits_and_false()
        if hits[0] == 0:
            return float("nan")
        precision = np.divide(hits, hits + false, out=np.ones(STEPS), where=hits + false > 0)
        recall = np.append(hits / hits[0], 0.0)
        return float(np.sum((recall[:-1] - recall[1:]) * precision))


def _step(threshold: float) -> int:
    return round(threshold * (STEPS - 1))
