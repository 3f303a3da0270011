"""The recipe of a training run: one TOML file with four tables and no unknown keys."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import InputScaling
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.settings import from_table
from birdedge.train.data.augmentation import Augmentation
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.networks.registry import NetworkConfig, config_as_table, config_from_table
from birdedge.train.networks.unet import TIME_STRIDE, UNetConfig

Float32 = NDArray[np.float32]
INPUTS = {"floor": 2, "unit": 1, "picture": 1}  # channels by the kind of network input
LOSSES = ("cross-entropy", "dice", "cross-entropy+dice", "focal")
OPTIMIZERS = ("adam", "adamw", "sgd")
WINDOWS_PER_FRAME = (1, 2, 4)


@dataclass(frozen=True)
class Training:
    """Schedule, optimizer, loss and input of a run."""

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
    teacher_share: float = (
        0.0  # share of the loss against the probabilities of teachers; the rest is against labels
    )
    region_weight: float = 0.5  # weight of the loss over regions, which is added to the mask's
    average_decay: float = 0.998  # exponential moving average of the weights; 0 is off
    patience: int = 10  # epochs without a better score before the run stops
    workers: int = 2
    precision: str = "auto"  # bf16-mixed if the hardware computes it, or a precision of Lightning Fabric
    input: str = "floor"  # see `Recipe.network_input`
    windows_per_frame: int = 1  # of 16 ms, 8 ms apart; with 2, there is a frame every 16 ms instead of 8
    compile: bool = False  # torch.compile: faster steps, needs a C++ compiler
    cached_examples: int = 0  # examples mixed once, all in each epoch; 0 mixes examples_per_epoch new ones

    def __post_init__(self) -> None:
        for name, allowed in (("loss", LOSSES), ("optimizer", OPTIMIZERS), ("input", tuple(INPUTS))):
            if getattr(self, name) not in allowed:
                given = getattr(self, name)
                raise SettingsError(f"{name} is {given!r}; it must be one of {', '.join(allowed)}")
        for name in ("epochs", "examples_per_epoch", "validation_examples", "batch"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.windows_per_frame not in WINDOWS_PER_FRAME:
            allowed_windows = ", ".join(map(str, WINDOWS_PER_FRAME))
            raise SettingsError(
                f"windows_per_frame is {self.windows_per_frame}; it must be one of {allowed_windows}"
            )
        if not 0 <= self.teacher_share <= 1:
            raise SettingsError(f"teacher_share is {self.teacher_share}; it must lie in 0..1")
        if self.region_weight < 0:
            raise SettingsError(f"region_weight is {self.region_weight}; it must be at least 0")
        if self.cached_examples < 0:
            raise SettingsError(f"cached_examples is {self.cached_examples}; it must be at least 0")


@dataclass(frozen=True)
class Recipe:
    """All settings of a run except the data."""

    name: str = "compact"
    network: NetworkConfig = field(default_factory=UNetConfig)
    mixing: Mixing = field(default_factory=Mixing)
    augmentation: Augmentation = field(default_factory=Augmentation)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if self.mixing.unlabelled and not self.training.teacher_share:
            raise SettingsError(
                f"recipe {self.name} uses unlabelled recordings, which need teachers, and has teacher_share 0; set "
                "teacher_share in [training], or unlabelled = 0 in [mixing]"
            )
        windows = self.training.windows_per_frame
        if self.mixing.frames % (TIME_STRIDE * windows):
            raise SettingsError(
                f"frames in [mixing] is {self.mixing.frames}; with {windows} windows per frame it must be a multiple "
                f"of {TIME_STRIDE * windows}"
            )

    @property
    def grid(self) -> Grid:
        """The grid of the network's input and of its mask."""
        windows = self.training.windows_per_frame
        return Grid(hop=Grid.hop * windows, windows=windows)

    @property
    def scaling(self) -> InputScaling:
        """The scaling of the network's input, with a noise floor that is as fast in seconds on every grid."""
        default, windows = InputScaling(), self.training.windows_per_frame
        return dataclasses.replace(
            default, rise_frames=default.rise_frames / windows, fall_frames=default.fall_frames / windows
        )

    def network_input(self, log_spectrogram: Float32) -> Float32:
        """Return the network input of a log-magnitude spectrogram on `grid` that starts a recording.

        `floor`: as the recorder computes it. `unit`: the level scaled to 0..1, from the floor of the spectrogram to a
        full-scale tone. `picture`: the magnitude clipped to 0..1, as in the pictures of BirdSoundsDenoising.

        Shape: `[frames, bins] -> [channels, frames, bins]`.
        """
        grid, name = self.grid, self.training.input
        min_np = np.log(grid.magnitude_floor)
        if name == "unit":
            span_np = np.log(grid.n_fft / 4) - min_np
            unit: Float32 = ((log_spectrogram - min_np) / span_np).astype(np.float32)
            return np.clip(unit, 0, 1)[np.newaxis]
        if name == "picture":
            return np.clip(np.exp(log_spectrogram), 0, 1)[np.newaxis]
        floor = NetworkInput(self.scaling)
        missing = -len(log_spectrogram) % floor.scaling.group_frames
        padded = np.pad(log_spectrogram, ((0, missing), (0, 0)), constant_values=min_np)
        return floor.push(padded)[0][:, : len(log_spectrogram)]

    def as_table(self) -> dict[str, Any]:
        """Return the recipe as plain values, as in TOML."""
        return {**dataclasses.asdict(self), "network": config_as_table(self.network)}


def recipe_from_table(table: dict[str, Any], where: str) -> Recipe:
    """Return the recipe of a table; `where` starts each error message.

    Raises:
        SettingsError: A key is unknown (the message names the nearest one), or a value is not allowed.
    """
    parts: dict[str, type[Any]] = {"mixing": Mixing, "augmentation": Augmentation, "training": Training}
    filled = {key: from_table(cls, table.get(key, {}), f"{where}, [{key}]") for key, cls in parts.items()}
    network = config_from_table(table.get("network", {}), f"{where}, [network]")
    channels = INPUTS[filled["training"].input]
    if network.input_channels != channels:
        raise SettingsError(
            f"{where}: the network takes {network.input_channels} channels and input {filled['training'].input!r} "
            f"has {channels}; set input_channels = {channels} in [network], or another input in [training]"
        )
    rest = {key: value for key, value in table.items() if key != "network"}
    return dataclasses.replace(from_table(Recipe, {**rest, **filled}, where), network=network)


def read_recipe(name_or_path: str) -> Recipe:
    """Return the recipe of a TOML file, or a bundled recipe by its name, such as `compact`.

    Raises:
        SettingsError: There is no such recipe, or it is not valid.
    """
    path = Path(name_or_path)
    bundled = resources.files("birdedge.train") / "recipes"
    if path.is_file():
        text = path.read_text(encoding="utf-8")
    elif (bundled / f"{name_or_path}.toml").is_file():
        text = (bundled / f"{name_or_path}.toml").read_text(encoding="utf-8")
    else:
        names = sorted(p.name.removesuffix(".toml") for p in bundled.iterdir() if p.name.endswith(".toml"))
        raise SettingsError(
            f"there is no recipe {name_or_path!r}; give a .toml file or one of {', '.join(names)}"
        )
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name_or_path} is not valid TOML: {error}") from error
    return recipe_from_table({"name": path.stem, **table}, name_or_path)
