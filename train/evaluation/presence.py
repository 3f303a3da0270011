"""Presence of birds in field clips that people listened to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from birdedge.train.evaluation.figures import Figure, PresenceFigures
from birdedge.train.evaluation.intervals import figure_of_sums, share_figure

Float64 = NDArray[np.float64]


def presence_figures(scores: ArrayLike, heard: ArrayLike, threshold: float = 0.0) -> PresenceFigures:
    """Return how well the scores of clips tell those with a bird from those without.

    Args:
        scores: The highest score of an event in each clip, 0 without events, `[clips]`.
        heard: Whether people heard a bird, `[clips]`.
        threshold: A clip with a higher score is one in which a bird was detected.
    """
    score, birds = np.asarray(scores, np.float64), np.asarray(heard, bool)
    detected = score > threshold
    return PresenceFigures(
        clips_with_birds=int(birds.sum()),
        clips_without_birds=int((~birds).sum()),
        recall=share_figure(detected[birds]),
        false_alarms=share_figure(detected[~birds]),
        roc_auc=_roc_auc_figure(score, birds),
    )


def _roc_auc_figure(score: Float64, birds: NDArray[np.bool_]) -> Figure:
    """Return the area under the ROC curve (Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747)."""
    levels = score[:, None] == np.unique(score)  # [clips, levels]
    histograms = np.concatenate([levels & birds[:, None], levels & ~birds[:, None]], axis=1)
    return figure_of_sums(_roc_auc(histograms.sum(axis=0)), histograms, _roc_auc)


def _roc_auc(histograms: ArrayLike) -> Float64:
    """Return the share of pairs in which the clip with a bird has the higher score; equal scores count half.

    Args:
        histograms: Clips with a bird by score, then clips without, `[..., 2 * levels]`. NaN without pairs.
    """
    birds, others = np.split(np.asarray(histograms, np.float64), 2, axis=-1)
    lower = np.cumsum(others, axis=-1) - others / 2
    pairs = birds.sum(axis=-1) * others.sum(axis=-1)
    higher = (birds * lower).sum(axis=-1)
    auc: Float64 = np.divide(higher, pairs, out=np.full(pairs.shape, np.nan), where=pairs > 0)
    return auc
