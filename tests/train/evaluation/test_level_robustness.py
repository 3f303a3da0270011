"""The IoU by recording level shows where a detector depends on the level."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.train.evaluation.detectors import Detector
from birdedge.train.evaluation.level_robustness import level_figures
from tests.support.oracles import CLIPS


def test_a_detector_that_misses_quiet_audio_loses_its_iou_at_that_level() -> None:
    peaks_db = []

    def run(samples: NDArray[np.float32], _rate_hz: int) -> tuple[NDArray[np.float32], list[Event]]:
        peaks_db.append(20 * np.log10(np.abs(samples).max()))
        return CLIPS[0].target.astype(np.float32) * (peaks_db[-1] > -35), []

    figures = level_figures(Detector("m", 0.5, run), CLIPS[:1])
    assert peaks_db == pytest.approx([-50, -40, -30, -20, -10, 0], abs=0.01)
    assert figures.to_dict() == {
        "-30": 0,
        "-20": 0,
        "-10": 1,
        "0": 1,
        "+10": 1,
        "+20": 1,
        "max_change": 1,
    }
