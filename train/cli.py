"""The workstation's commands. What is heavy is imported when a command runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click


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
    help="Folder of the run.  [default: runs/RECIPE]",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option(
    "--from",
    "start",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A checkpoint whose weights to begin with.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A checkpoint to learn from beside the labels, for a recipe like distilled; give any number.",
)
@click.option("--tier", type=click.Choice(["open"]), help="Learn from openly licensed recordings alone.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for the examples of a recipe that mixes them once: made by the first run, read by all others.",
)
@click.option("--images", is_flag=True, help="BirdSoundsDenoising: its Images instead of its Raw_audios.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--seed", type=click.IntRange(0), help="Instead of the recipe's.")
def train(
    recipe: str,
    data: Path,
    out: Path | None,
    resume: bool,
    start: Path | None,
    teachers: tuple[Path, ...],
    tier: str | None,
    cache: Path | None,
    images: bool,
    epochs: int | None,
    seed: int | None,
) -> None:
    """Train a network by a recipe: a .toml file, or the name of one of birdedge's own.

    Writes best.safetensors, history.json, curves.png and TensorBoard's files into --out.

    \b
    Example:
      birdedge train compact --data recordings/ --out runs/first
      birdedge train segnet --data recordings/ --cache runs/examples.safetensors
      birdedge train distilled --teacher wide.safetensors --teacher deeplab.safetensors --data recordings/
      tensorboard --logdir runs
    """
    from birdedge.train.training.loop import train as run
    from birdedge.train.training.recipe import read_recipe

    settings = read_recipe(recipe)
    changes: dict[str, Any] = {k: v for k, v in (("epochs", epochs), ("seed", seed)) if v is not None}
    settings = dataclasses.replace(settings, training=dataclasses.replace(settings.training, **changes))
    folder = out or Path("runs") / settings.name
    best = run(settings, data, folder, tier, resume, start, click.echo, cache, images, teachers)
    click.echo(f"{best}: now `birdedge evaluate {best} --data {data}`")
