"""The workstation's commands. What is heavy is imported when a command runs."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

data_option = click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of recordings with an index.tsv.",
)


@click.command()
@click.argument("recipe", default="compact")
@data_option
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
@click.option("--tier", type=click.Choice(["open"]), help="Learn from openly licensed recordings alone.")
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
@click.option("--seed", type=click.IntRange(0), help="Instead of the recipe's.")
def train(
    recipe: str,
    data: Path,
    out: Path | None,
    resume: bool,
    start: Path | None,
    tier: str | None,
    epochs: int | None,
    seed: int | None,
) -> None:
    """Train a network by a recipe: a .toml file, or the name of one of birdedge's own.

    Writes best.safetensors, history.json, curves.png and TensorBoard's files into --out.

    \b
    Example:
      birdedge train compact --data recordings/ --out runs/first
      tensorboard --logdir runs
    """
    from birdedge.train.loop import train as run
    from birdedge.train.recipe import read_recipe

    settings = read_recipe(recipe)
    changes: dict[str, Any] = {k: v for k, v in (("epochs", epochs), ("seed", seed)) if v is not None}
    settings = dataclasses.replace(settings, training=dataclasses.replace(settings.training, **changes))
    best = run(settings, data, out or Path("runs") / settings.name, tier, resume, start, click.echo)
    click.echo(f"{best}: now `birdedge export {best} --quantize -o model.onnx --data {data}`")


@click.command()
@click.argument("model", default="birdedge-int8")
@data_option
@click.option("--split", type=click.Choice(["validation", "test"]), default="test", show_default=True)
@click.option(
    "--mixes", type=click.IntRange(1), default=200, show_default=True, help="How many mixes to score."
)
@click.option("--json", "as_json", is_flag=True, help="JSON, for scripts.")
def evaluate(model: str, data: Path, split: str, mixes: int, as_json: bool) -> None:
    """Score a model on recordings it has not learned from: IoU of its masks, false events an hour without
    birds.

    \b
    Example:
      birdedge evaluate --data recordings/
      birdedge evaluate mine.onnx --data recordings/ --split validation --json
    """
    from birdedge.edge.model import Model
    from birdedge.train.evaluate import evaluate as run
    from birdedge.train.evaluate import figures_page

    figures = run(Model(model), data, split, mixes)
    click.echo(json.dumps(figures) if as_json else figures_page(figures))
