"""A training run's settings: one TOML file, three tables, no unknown keys."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from birdedge.edge.errors import SettingsError
from birdedge.edge.settings import from_table
from birdedge.train.mixing import Mixing
from birdedge.train.unet import UNetConfig

LOSSES = ("cross-entropy", "dice", "cross-entropy+dice", "focal")
OPTIMIZERS = ("adam", "adamw", "sgd")


@dataclass(frozen=True)
class Training:
    """How long, how fast, towards what."""

    seed: int = 20
    epochs: int = 20
    examples_per_epoch: int = 2000
    validation_examples: int = 160
    batch: int = 16
    loss: str = "cross-entropy+dice"
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warmup_epochs: float = 0.5
    average_decay: float = 0.998  # exponential moving average of the weights; 0 is none
    patience: int = 10  # epochs without a better validation IoU
    workers: int = 2
    precision: str = "bf16-mixed"

    def __post_init__(self) -> None:
        for name, allowed in (("loss", LOSSES), ("optimizer", OPTIMIZERS)):
            if getattr(self, name) not in allowed:
                given = getattr(self, name)
                raise SettingsError(f"{name} is {given!r}; it must be one of {', '.join(allowed)}")
        for name in ("epochs", "examples_per_epoch", "validation_examples", "batch"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be at least 1")


@dataclass(frozen=True)
class Recipe:
    """Everything a run depends on but the data."""

    name: str = "compact"
    network: UNetConfig = field(default_factory=UNetConfig)
    mixing: Mixing = field(default_factory=Mixing)
    training: Training = field(default_factory=Training)

    def as_table(self) -> dict[str, Any]:
        """Plain values, as they stand in TOML."""
        return dataclasses.asdict(self)


def recipe_from_table(table: dict[str, Any], where: str) -> Recipe:
    """Raises: SettingsError naming the nearest valid key."""
    parts: dict[str, type[Any]] = {"network": UNetConfig, "mixing": Mixing, "training": Training}
    filled = {key: from_table(cls, table.get(key, {}), f"{where}, [{key}]") for key, cls in parts.items()}
    return from_table(Recipe, {**table, **filled}, where)


def read_recipe(name_or_path: str) -> Recipe:
    """A recipe file, or one of birdedge's own by name (`compact`)."""
    path = Path(name_or_path)
    own = resources.files("birdedge.train") / "recipes"
    if path.is_file():
        text = path.read_text(encoding="utf-8")
    elif (own / f"{name_or_path}.toml").is_file():
        text = (own / f"{name_or_path}.toml").read_text(encoding="utf-8")
    else:
        names = sorted(p.name.removesuffix(".toml") for p in own.iterdir() if p.name.endswith(".toml"))
        raise SettingsError(
            f"there is no recipe {name_or_path!r}; give a .toml file or one of {', '.join(names)}"
        )
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name_or_path} is not valid TOML: {error}") from error
    return recipe_from_table({"name": path.stem, **table}, name_or_path)
