"""Whether the same sound gets the same mask at any recording level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.labelled import MaskedClip, resampled
from birdedge.train.training.metrics import MaskScores

LEVELS_DB = (-30, -20, -10, 0, 10, 20)
PEAK_DB = -20.0  # of each clip at 0 dB, so that at +20 dB it just fills the scale and nothing clips


def level_sensitivity(masker: Detector, clips: Sequence[MaskedClip]) -> dict[str, float]:
    """Pooled IoU at the masker's threshold by level in dB, and `max_change`, the highest less the lowest.

    Each clip is brought to a peak of PEAK_DB, then scaled by each of LEVELS_DB; samples stay float32, so that
    level alone changes, not what 16 bits would leave of it.
    """
    figures = {}
    for level_db in LEVELS_DB:
        scores = MaskScores()
        for clip in clips:
            peak = max(float(np.abs(clip.samples).max(initial=0.0)), 1e-9)
            gain = np.float32(10 ** ((PEAK_DB + level_db) / 20) / peak)
            mask, _ = masker.run(np.clip(clip.samples * gain, -1.0, 1.0), clip.sample_rate_hz)
            scores.add(resampled(mask, clip.times_s, clip.frequencies_hz), clip.target, clip.weight)
        figures[f"{level_db:+d}" if level_db else "0"] = round(scores.iou(masker.threshold), 4)
    figures["max_change"] = round(max(figures.values()) - min(figures.values()), 4)
    return figures
