"""Calibration of probabilities: of the bins with probability 0.8, eight in ten should be bird."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from birdedge.train.evaluation.figures import CalibrationFigures
from birdedge.train.training.metrics import STEPS, MaskScores

TENTHS = 10


@dataclass(frozen=True)
class ReliabilityRow:
    """Bins with a probability in one tenth of 0..1; the means are NaN if there are none."""

    mean_probability: float
    bird_share: float
    count: int


def reliability(scores: MaskScores) -> list[ReliabilityRow]:
    """Return ten rows from the lowest to the highest probability.

    This is the table of a reliability diagram (Niculescu-Mizil & Caruana 2005).
    """
    steps = np.arange(STEPS)
    tenth = np.minimum(steps * TENTHS // (STEPS - 1), TENTHS - 1)
    count = scores.bird + scores.background
    total, bird, mass = (
        np.bincount(tenth, weights, TENTHS) for weights in (count, scores.bird, count * steps / (STEPS - 1))
    )
    return [
        ReliabilityRow(m / n if n else float("nan"), b / n if n else float("nan"), int(n))
        for n, b, m in zip(total.tolist(), bird.tolist(), mass.tolist(), strict=True)
    ]


def calibration_error(rows: list[ReliabilityRow]) -> float:
    """Return the expected calibration error: the mean gap over all bins (Guo et al. 2017, arXiv 1706.04599)."""
    total = sum(row.count for row in rows)
    gaps = (row.count * abs(row.mean_probability - row.bird_share) for row in rows if row.count)
    return sum(gaps) / total if total else float("nan")


def calibration_figures(scores: MaskScores) -> CalibrationFigures:
    """Return the calibration error and the reliability table, rounded."""
    rows = reliability(scores)
    return CalibrationFigures(
        error=round(calibration_error(rows), 4),
        tenths=tuple(
            (round(r.mean_probability, 4), round(r.bird_share, 4), r.count) if r.count else (None, None, 0)
            for r in rows
        ),
    )
