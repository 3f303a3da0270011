"""One training run: what to train, on which data, and where to put the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from birdedge.edge.errors import DataError, SettingsError
from birdedge.train.data.bird_sounds_denoising import (
    is_bird_sounds_denoising,
    picture_examples,
    picture_recipe,
)
from birdedge.train.data.examples import Examples, mixed_examples
from birdedge.train.networks.registry import build_network, config_as_table
from birdedge.train.training.checkpoint import Checkpoint, load_checkpoint
from birdedge.train.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingRun:
    """The arguments of a training run.

    Attributes:
        recipe: What to train.
        data: Folder of recordings with an index.tsv, or of BirdSoundsDenoising.
        folder: Folder of the results.
        tier: "open" trains on openly licensed recordings only.
        cache: File through which runs share examples that are mixed once.
        from_images: BirdSoundsDenoising: use its Images instead of its Raw_audios.
        teachers: Checkpoints that a recipe with a `teacher_share` learns from.
        initial: A checkpoint to start from; its training data is listed with the new one's.
        resume: Continue the run in `folder`.
        force: Replace the results in `folder`.
        say: Receives progress messages.
    """

    recipe: Recipe
    data: Path
    folder: Path
    tier: str | None = None
    cache: Path | None = None
    from_images: bool = False
    teachers: tuple[Path, ...] = ()
    initial: Path | None = None
    resume: bool = False
    force: bool = False
    say: Callable[[str], None] = print

    @property
    def best(self) -> Path:
        """The best checkpoint of the run."""
        return self.folder / "best.safetensors"

    @property
    def last(self) -> Path:
        """The state after the last epoch, to resume from."""
        return self.folder / "last.pt"

    @property
    def results(self) -> list[Path]:
        """The files of the run, except those of TensorBoard, whose names are never taken."""
        names = ("recipe.json", "history.json", "curves.png")
        return [self.best, self.last, *(self.folder / name for name in names)]


def adapted_to_data(run: TrainingRun) -> TrainingRun:
    """Return the run, with pictures as the input of its recipe if its data is BirdSoundsDenoising.

    Raises:
        SettingsError: An option does not apply to the data, or the network takes no pictures.
    """
    pictures = is_bird_sounds_denoising(run.data)
    if pictures:
        run = replace(run, recipe=picture_recipe(run.recipe))
    if pictures and (run.tier or run.cache):
        raise SettingsError(
            f"{run.data} is BirdSoundsDenoising, which has no tiers and is not mixed; leave out --tier and --cache"
        )
    if run.from_images and not pictures:
        raise SettingsError(f"{run.data} is not BirdSoundsDenoising and has no pictures; leave out --images")
    return run


def load_initial(run: TrainingRun) -> Checkpoint | None:
    """Return the checkpoint that the run starts from, if any.

    Raises:
        DataError: The checkpoint holds a different network.
        ModelError: The checkpoint cannot be read.
    """
    if run.initial is None:
        return None
    checkpoint = load_checkpoint(run.initial)
    if not _fits(checkpoint, run.recipe):
        raise DataError(
            f"{run.initial} holds a different network from recipe {run.recipe.name}; "
            "leave out --from, or change [network]"
        )
    return checkpoint


def _fits(checkpoint: Checkpoint, recipe: Recipe) -> bool:
    """Return whether training may start from a checkpoint: the same architecture, or the same shapes for longer frames.

    With frames of another length, the same architecture covers another time, so that its dilations may be adapted.
    """
    if checkpoint.recipe.grid == recipe.grid:
        return _architecture(checkpoint.recipe) == _architecture(recipe)
    weights = (network.state_dict() for network in (checkpoint.network, build_network(recipe.network)))
    given, needed = ({name: weight.shape for name, weight in each.items()} for each in weights)
    return given == needed


def _architecture(recipe: Recipe) -> dict[str, Any]:
    """Return the settings that decide which weights fit and what they mean: all except dropout in training."""
    table = config_as_table(recipe.network)
    return {name: value for name, value in table.items() if name not in ("dropout", "class_dropout")}


def load_examples(run: TrainingRun, teachers: Sequence[Checkpoint] = ()) -> Examples:
    """Return the examples of the run: pictures of BirdSoundsDenoising, or mixes of recordings."""
    if is_bird_sounds_denoising(run.data):
        return picture_examples(run.recipe, run.data, run.from_images, run.say)
    finer = [t.recipe for t in teachers if t.recipe.grid != run.recipe.grid]
    return mixed_examples(run.recipe, run.data, run.tier, run.cache, run.say, finer[0] if finer else None)
