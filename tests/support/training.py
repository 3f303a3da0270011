"""Small recipes that train in seconds."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.training.loop import train
from birdedge.train.training.recipe import Recipe, Training
from birdedge.train.training.run import TrainingRun

SMALL = Recipe(
    name="small",
    mixing=Mixing(frames=128, as_recorded=0.0, empty=0.0, snr_low_db=10.0),
    training=Training(
        epochs=2, examples_per_epoch=64, validation_examples=16, batch=8, workers=0, precision="32-true"
    ),
)


def with_training(recipe: Recipe, **changes: Any) -> Recipe:
    """A recipe with different settings in [training]."""
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, **changes))


SHORT = with_training(SMALL, epochs=1, examples_per_epoch=16, validation_examples=8)


def train_quietly(recipe: Recipe, data: Path, folder: Path, **options: Any) -> Path:
    """Train without progress messages; return the best checkpoint."""
    return train(TrainingRun(recipe, data, folder, **{"say": lambda _: None, **options}))
