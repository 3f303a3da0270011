"""From a name on the command line to a detector."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from birdedge.edge.models.model import Model
from birdedge.train.evaluation.baselines import BASELINES, tuned_baseline
from birdedge.train.evaluation.datasets import validation_mixes
from birdedge.train.evaluation.detectors import Detector, checkpoint_detector, model_detector
from birdedge.train.evaluation.labelled_audio import MaskedClip

TUNING_MIXES = 40


def open_detectors(names: Iterable[str], tuning_data: Path) -> list[Detector]:
    """Return the detector of each name once: a baseline, a checkpoint or a model.

    Args:
        names: A baseline of BASELINES, the path of a .safetensors file, or the path or name of a model.
        tuning_data: Folder with an index.tsv. Baselines are tuned on its validation mixes.

    Raises:
        ModelError: A model or checkpoint cannot be read.
        DataError: A baseline is named and `tuning_data` has no index.
        ExtraMissingError: The package of a baseline is not installed.
    """

    @cache
    def mixes() -> list[MaskedClip]:
        return validation_mixes(tuning_data, TUNING_MIXES)

    def open_one(name: str) -> Detector:
        if name in BASELINES:
            return tuned_baseline(name, mixes())
        if name.endswith(".safetensors"):
            return checkpoint_detector(Path(name))
        return model_detector(Model(name), name)

    return [open_one(name) for name in dict.fromkeys(names)]
