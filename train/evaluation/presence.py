"""Presence of birds in field clips that people listened to."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from birdedge.train.evaluation.figures import Figure, PresenceFigures
from birdedge.train.evaluation.intervals import figure_of_sums, share_figure
from birdedge.train.training.metrics import roc_auc

Float64 = NDArray[np.float64]


def presence_figures(scores: ArrayLike, heard: ArrayLike, threshold: float = 0.0) -> PresenceFigures:
    """Return how well the scores of clips separate those with a bird from those without.

    Args:
        scores: The highest score of an event in each clip, 0 without events, `[clips]`.
        heard: Whether people heard a bird, `[clips]`.
        threshold: A bird counts as detected in a clip with a higher score.
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
    """Return the area under the ROC curve of the scores of clips."""
    levels = score[:, None] == np.unique(score)  # [clips, levels]
    histograms = np.concatenate([levels & birds[:, None], levels & ~birds[:, None]], axis=1)

    def auc(sums: ArrayLike) -> Float64:
        return roc_auc(*np.split(np.asarray(sums), 2, axis=-1))

    return figure_of_sums(auc(histograms.sum(axis=0)), histograms, auc)
