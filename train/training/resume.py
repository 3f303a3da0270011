"""The state of a run after an epoch, from which it can be resumed."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from birdedge.edge.errors import DataError
from birdedge.train.training.epoch import Epoch
from birdedge.train.training.learner import Learner
from birdedge.train.training.recipe import Recipe, recipe_from_table


def save_state(path: Path, recipe: Recipe, learner: Learner, epochs: Sequence[Epoch]) -> None:
    """Write the state of a run, replacing an older one only when it is complete."""
    state = {
        "recipe": recipe.as_table(),
        **learner.state_dict(),
        "history": [asdict(epoch) for epoch in epochs],
    }
    temporary = path.with_name(path.name + ".part")
    torch.save(state, temporary)
    temporary.replace(path)


def load_state(path: Path, recipe: Recipe, learner: Learner) -> list[Epoch]:
    """Set the learner to the state of a run, and return the epochs of the run so far.

    Raises:
        DataError: There is no state, it is damaged, or it belongs to a different network.
    """
    if not path.is_file():
        raise DataError(f"{path.parent} has no {path.name} to resume from; leave out --resume")
    try:
        state = torch.load(path, weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{path} is damaged and cannot be resumed; start a new run with another --out"
        ) from error
    if recipe_from_table(state["recipe"], str(path)).network != recipe.network:
        raise DataError(
            f"{path} belongs to a different network from recipe {recipe.name}; give its own recipe, or another --out"
        )
    learner.load_state_dict(state)
    return [Epoch(**row) for row in state["history"]]
