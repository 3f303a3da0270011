"""Whether a probability means what it says: of the bins marked 0.8, are eight in ten bird?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from birdedge.train.training.metrics import STEPS, MaskScores

BINS = 10


@dataclass(frozen=True)
class ReliabilityRow:
    """Bins whose probability lies in one tenth of 0..1; means are NaN where there is none."""

    mean_probability: float
    bird_share: float
    count: int


def reliability(scores: MaskScores) -> list[ReliabilityRow]:
    """Ten rows, from the least to the most probable (reliability diagram, Niculescu-Mizil & Caruana 2005)."""
    steps = np.arange(STEPS)
    tenth = np.minimum(steps * BINS // (STEPS - 1), BINS - 1)
    count = scores.bird + scores.background
    total, bird, mass = (
        np.bincount(tenth, weights, BINS) for weights in (count, scores.bird, count * steps / (STEPS - 1))
    )
    return [
        ReliabilityRow(m / n if n else float("nan"), b / n if n else float("nan"), int(n))
        for n, b, m in zip(total.tolist(), bird.tolist(), mass.tolist(), strict=True)
    ]


def calibration_error(rows: list[ReliabilityRow]) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv 1706.04599): mean gap, each bin counted once."""
    total = sum(row.count for row in rows)
    gaps = (row.count * abs(row.mean_probability - row.bird_share) for row in rows if row.count)
    return sum(gaps) / total if total else float("nan")
