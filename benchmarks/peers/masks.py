"""IoU of the masks of birdedge and of classical packages, on the fixed sets of `birdedge evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from birdedge.edge.errors import ExtraMissingError
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.train.evaluation.baselines import BASELINES, tuned_baseline
from birdedge.train.evaluation.datasets import EvaluationSets, read_sets, validation_mixes
from birdedge.train.evaluation.detectors import Detector, model_detector
from birdedge.train.evaluation.open_detector import TUNING_MIXES
from birdedge.train.evaluation.scoring import mask_figures, score_masked


def measure_masks(data: Path) -> dict[str, dict[str, Any]]:
    """Return, by detector, the threshold and setting chosen on validation mixes and the IoU by set.

    A detector whose package is missing holds the reason under `skipped` instead.

    Raises:
        DataError: The folder has no index.
    """
    clips = validation_mixes(data, TUNING_MIXES)
    sets = read_sets(data)
    figures = {DEFAULT_MODEL: _figures(model_detector(Model()), sets)}
    for name in BASELINES:
        try:
            figures[name] = _figures(tuned_baseline(name, clips), sets)
        except ExtraMissingError as error:
            figures[name] = {"skipped": str(error)}
    return figures


def _figures(detector: Detector, sets: EvaluationSets) -> dict[str, Any]:
    scored = score_masked(detector, sets)
    kept = ("recordings", "iou", "iou_interval")
    return {
        "threshold": round(detector.threshold, 3),
        "setting": dict(detector.setting),
        "sets": {
            name: {
                key: value
                for key, value in mask_figures(clips, detector.threshold).to_dict().items()
                if key in kept
            }
            for name, clips in scored.items()
        },
    }
