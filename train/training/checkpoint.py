"""Checkpoints: weights as safetensors, with the recipe that rebuilds the network in the metadata."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from birdedge.edge.errors import ModelFileError, ModelMissingError, OutputError
from birdedge.train.networks.registry import Network, build_network
from birdedge.train.training.recipe import Recipe, recipe_from_table


@dataclass(frozen=True)
class Checkpoint:
    """A network ready to run, its recipe, and the results of its training."""

    network: Network
    recipe: Recipe
    facts: dict[str, Any]  # epoch, threshold, validation_iou, training_data, ...


def save_checkpoint(
    path: Path, weights: dict[str, torch.Tensor], recipe: Recipe, facts: dict[str, Any]
) -> None:
    """Write a checkpoint, completely or not at all.

    Raises:
        OutputError: The file cannot be written.
    """
    tables = {"recipe": json.dumps(recipe.as_table()), "facts": json.dumps(facts)}
    temporary = path.with_name(path.name + ".part")
    try:
        save_file(
            {k: v.detach().cpu().contiguous() for k, v in weights.items()},
            temporary,
            {"birdedge": "checkpoint 1", **tables},
        )
        temporary.replace(path)
    except (SafetensorError, OSError) as error:
        raise OutputError(f"the checkpoint {path} cannot be written: {error}") from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Return a checkpoint with its network in evaluation mode.

    Raises:
        ModelMissingError: There is no such file.
        ModelFileError: The file is not a checkpoint, or is damaged.
        ExtraMissingError: The package of the network is not installed.
    """
    if not path.is_file():
        raise ModelMissingError(
            f"there is no checkpoint {path}; give a .safetensors file that `birdedge train` wrote"
        )
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"{path} is not a checkpoint of `birdedge train`: {error}") from error
    if metadata.get("birdedge") != "checkpoint 1":
        raise ModelFileError(f"{path} is a safetensors file but not a checkpoint of `birdedge train`")
    try:
        recipe = recipe_from_table(json.loads(metadata["recipe"]), "its recipe")
        facts = json.loads(metadata["facts"])
    except (KeyError, ValueError) as error:
        raise ModelFileError(f"{path} is damaged or of another version of birdedge: {error}") from error
    network = build_network(recipe.network)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelFileError(
            f"{path} holds weights that do not fit its own recipe, like checkpoints of an earlier version of birdedge; "
            "train it again"
        ) from error
    return Checkpoint(network.eval(), recipe, facts)
