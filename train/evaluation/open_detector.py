"""From a name on the command line to what is scored."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from birdedge.edge.models.model import Model
from birdedge.train.evaluation.baselines import BASELINES, tuned_baseline
from birdedge.train.evaluation.datasets import validation_mixes
from birdedge.train.evaluation.detectors import Detector, checkpoint_masker, model_masker
from birdedge.train.evaluation.labelled import MaskedClip

TUNING_MIXES = 40


def open_maskers(names: Iterable[str], tune: Path) -> list[Detector]:
    """Each once: a baseline, tuned on the validation mixes of the folder `tune`, a checkpoint or a model.

    Raises: ModelError, DataError where `tune` has no index, ExtraMissingError.
    """

    @cache
    def mixes() -> list[MaskedClip]:
        return validation_mixes(tune, TUNING_MIXES)

    return [
        tuned_baseline(name, mixes())
        if name in BASELINES
        else checkpoint_masker(Path(name))
        if name.endswith(".safetensors")
        else model_masker(Model(name), name)
        for name in dict.fromkeys(names)
    ]
