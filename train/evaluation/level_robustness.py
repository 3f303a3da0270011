"""Whether masks depend on the recording level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.figures import LevelFigures
from birdedge.train.evaluation.labelled_audio import MaskedClip, resampled
from birdedge.train.training.metrics import MaskScores

LEVELS_DB = (-30, -20, -10, 0, 10, 20)
PEAK_DB = -20.0  # of each clip at 0 dB: at +20 dB it reaches full scale without clipping


def level_figures(detector: Detector, clips: Sequence[MaskedClip]) -> LevelFigures:
    """Return the pooled IoU at the detector's threshold by level.

    Each clip is scaled to a peak of PEAK_DB, then by each of LEVELS_DB. Samples stay float32: the level changes, the
    resolution does not.
    """
    iou = {}
    for level_db in LEVELS_DB:
        scores = MaskScores()
        for clip in clips:
            peak = max(float(np.abs(clip.samples).max(initial=0.0)), 1e-9)
            gain = np.float32(10 ** ((PEAK_DB + level_db) / 20) / peak)
            mask, _ = detector.run(np.clip(clip.samples * gain, -1.0, 1.0), clip.sample_rate_hz)
            scores.add(resampled(mask, clip.times_s, clip.frequencies_hz), clip.target, clip.weight)
        iou[level_db] = round(scores.iou(detector.threshold), 4)
    return LevelFigures(iou)
