"""Ablations: the compact network trained with a small budget and one change at a time.

`python -m benchmarks.studies.ablations --data recordings/ --runs runs/`

Changes without a run are trained first. The table is written into train/EXPERIMENTS.md. Scores are on validation mixes;
a difference of one point may come from the seed alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.report.markdown import markdown_table
from benchmarks.studies.experiment import data_option, write_block
from birdedge.edge.errors import BirdedgeError
from birdedge.train.training.loop import train
from birdedge.train.training.recipe import Recipe, read_recipe
from birdedge.train.training.run import TrainingRun

BUDGET = "compact-budget"


def _network(**sizes: object) -> Callable[[Recipe], Recipe]:
    return lambda recipe: dataclasses.replace(recipe, network=dataclasses.replace(recipe.network, **sizes))  # type: ignore[arg-type]


def _training(**settings: object) -> Callable[[Recipe], Recipe]:
    return lambda recipe: dataclasses.replace(
        recipe,
        training=dataclasses.replace(recipe.training, **settings),  # type: ignore[arg-type]
    )


def _level_input(recipe: Recipe) -> Recipe:
    return _network(input_channels=1)(_training(input="unit")(recipe))


CHANGES: dict[str, Callable[[Recipe], Recipe]] = {
    "unchanged": lambda recipe: recipe,
    "input: level scaled to 0..1, not level over a causal noise floor": _level_input,
    "no lookahead": _network(lookahead_frames=0),
    "16 frames of lookahead": _network(lookahead_frames=16),
    "only the first dilated block: 0.3 s of past, not 1.3 s": _network(dilations=(1,)),
    "loss: cross-entropy alone": _training(loss="cross-entropy"),
}


@click.command()
@data_option
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default="runs",
    show_default=True,
    help="Folder of the training runs.",
)
@click.option("--epochs", type=click.IntRange(1), help="Number of epochs, in place of the recipe's.")
def main(data: Path, runs: Path, epochs: int | None) -> None:
    """Train the compact network once per change and print a table.

    \b
    Example:
      python -m benchmarks.studies.ablations --data recordings/ --runs runs/
    """
    rows = {}
    try:
        base = read_recipe(BUDGET)
        if epochs:
            base = _training(epochs=epochs)(base)
        for number, (name, change) in enumerate(CHANGES.items()):
            out = runs / (f"ablation-{number}" if number else BUDGET)
            if not (out / "best.safetensors").exists():
                cache = runs / "examples.safetensors"
                train(TrainingRun(change(base), data, out, cache=cache, force=True, say=click.echo))
            history = json.loads((out / "history.json").read_text(encoding="utf-8"))
            rows[name] = max(row["validation_iou"] for row in history)
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error
    text = table(rows, base)
    write_block("ablations", text)


def table(rows: dict[str, float], base: Recipe) -> str:
    """Return the IoU of each change and its difference from the unchanged network, as Markdown."""
    unchanged_iou = next(iter(rows.values()))
    training = base.training
    return "\n".join(
        [
            f"`python -m benchmarks.studies.ablations`: {training.cached_examples:,} examples mixed once, "
            f"{training.epochs} epochs each; IoU on validation mixes at the best threshold.",
            "",
            *markdown_table(
                ("change", "IoU", "difference"),
                (
                    (name, f"{iou:.3f}", f"{100 * (iou - unchanged_iou):+.1f} points")
                    for name, iou in rows.items()
                ),
            ),
            "",
        ]
    )


if __name__ == "__main__":
    main()
