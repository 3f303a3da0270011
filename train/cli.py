"""The `train` command. Heavy modules are imported when it runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from birdedge.edge.cli.options import force_option

CHECKPOINT = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("recipe", default="compact")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of recordings with an index.tsv, or the BirdSoundsDenoising set.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the results.  [default: runs/RECIPE]",
)
@click.option("--resume", is_flag=True, help="Continue the run in --out.")
@force_option
@click.option("--from", "initial", type=CHECKPOINT, help="Start from the weights of this checkpoint.")
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    type=CHECKPOINT,
    help="A checkpoint to learn from in addition to the labels, for a recipe like distilled; may be repeated.",
)
@click.option("--tier", type=click.Choice(["open"]), help="Train on openly licensed recordings only.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Cache file for a recipe that mixes its examples once: the first run writes it, later runs read it.",
)
@click.option("--images", is_flag=True, help="BirdSoundsDenoising: use its Images instead of its Raw_audios.")
@click.option("--epochs", type=click.IntRange(1), help="Replace the recipe's number of epochs.")
@click.option("--seed", type=click.IntRange(0), help="Replace the recipe's seed.")
def train(
    recipe: str,
    data: Path,
    out: Path | None,
    resume: bool,
    force: bool,
    initial: Path | None,
    teachers: tuple[Path, ...],
    tier: str | None,
    cache: Path | None,
    images: bool,
    epochs: int | None,
    seed: int | None,
) -> None:
    """Train a network from a recipe: a .toml file, or the name of a bundled recipe.

    Writes best.safetensors, history.json, curves.png and files for TensorBoard to the folder --out.

    \b
    Example:
      birdedge train compact --data recordings/ --out runs/first
      birdedge train segnet --data recordings/ --cache runs/examples.safetensors
      birdedge train distilled --teacher wide.safetensors --teacher deeplab.safetensors --data recordings/
      tensorboard --logdir runs
    """
    from birdedge.train.training.recipe import read_recipe

    chosen = read_recipe(recipe)
    changes: dict[str, Any] = {k: v for k, v in (("epochs", epochs), ("seed", seed)) if v is not None}
    chosen = dataclasses.replace(chosen, training=dataclasses.replace(chosen.training, **changes))
    # Imported after the recipe is read, since importing Lightning takes seconds.
    from birdedge.train.training import loop
    from birdedge.train.training.run import TrainingRun

    best = loop.train(
        TrainingRun(
            recipe=chosen,
            data=data,
            folder=out or Path("runs") / chosen.name,
            tier=tier,
            cache=cache,
            from_images=images,
            teachers=teachers,
            initial=initial,
            resume=resume,
            force=force,
            say=click.echo,
        )
    )
    click.echo(f"best checkpoint: {best}; to score it, run `birdedge evaluate {best} --data {data}`")
