"""IoU of our masks and of those that classical packages make, on the fixed sets of `birdedge evaluate`."""

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
from birdedge.train.evaluation.scoring import mask_figures, score_sets


def measure_masks(data: Path) -> dict[str, Any]:
    """By name: the setting and threshold chosen on validation mixes, and IoU by set; or why it is `left_out`.

    Raises:
        DataError: the folder has no index.
    """
    clips = validation_mixes(data, TUNING_MIXES)
    sets = read_sets(data)
    figures = {DEFAULT_MODEL: _figures(model_detector(Model()), sets)}
    for name in BASELINES:
        try:
            figures[name] = _figures(tuned_baseline(name, clips), sets)
        except ExtraMissingError as error:
            figures[name] = {"left_out": str(error)}
    return figures


def _figures(masker: Detector, sets: EvaluationSets) -> dict[str, Any]:
    scored = score_sets(masker, sets)
    kept = ("recordings", "iou", "iou_interval")
    return {
        "threshold": round(masker.threshold, 3),
        "setting": dict(masker.setting),
        "sets": {
            name: {
                key: value
                for key, value in mask_figures(clips, masker.threshold).to_dict().items()
                if key in kept
            }
            for name, clips in scored.items()
        },
    }
