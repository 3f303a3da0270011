"""What each big choice is worth: the compact network trained again in a small budget with one thing changed.

`python -m benchmarks.studies.ablations --data recordings/ --runs runs/` trains what has no run yet and writes the
table into train/EXPERIMENTS.md. Scores are of validation mixes; runs that differ by a point may differ by seed only.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import click

from benchmarks.report.markdown import markdown_table
from birdedge.edge.errors import BirdedgeError
from birdedge.train.training.loop import train
from birdedge.train.training.recipe import Recipe, read_recipe
from birdedge.train.training.run import TrainingRun

LOG = Path(__file__).parents[2] / "train" / "EXPERIMENTS.md"
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
    "as it is": lambda recipe: recipe,
    "the level itself, scaled to 0..1, in place of the level over a causal floor": _level_input,
    "no lookahead": _network(lookahead_frames=0),
    "16 frames of lookahead": _network(lookahead_frames=16),
    "no dilated blocks but the first: 0.3 s of past, not 1.3": _network(dilations=(1,)),
    "cross-entropy alone": _training(loss="cross-entropy"),
}


@click.command()
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, file_okay=False), help="With index.tsv."
)
@click.option("--runs", type=click.Path(path_type=Path, file_okay=False), default="runs", show_default=True)
@click.option("--epochs", type=click.IntRange(1), help="Instead of the recipe's.")
def main(data: Path, runs: Path, epochs: int | None) -> None:
    """Train the compact network once for each change, and tabulate."""
    rows = {}
    try:
        base = read_recipe(BUDGET)
        if epochs:
            base = _training(epochs=epochs)(base)
        for number, (name, change) in enumerate(CHANGES.items()):
            out = runs / (f"ablation-{number}" if number else BUDGET)
            if not (out / "best.safetensors").exists():
                cache = runs / "examples.safetensors"
                train(TrainingRun(change(base), data, out, cache=cache, say=click.echo))
            history = json.loads((out / "history.json").read_text(encoding="utf-8"))
            rows[name] = max(row["validation_iou"] for row in history)
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error
    text = table(rows, base)
    log = re.sub(
        r"(<!-- ablations -->\n).*?(<!-- /ablations -->)",
        lambda m: m[1] + text + m[2],
        LOG.read_text(encoding="utf-8"),
        flags=re.S,
    )
    LOG.write_text(log, encoding="utf-8")
    click.echo(text)


def table(rows: dict[str, float], base: Recipe) -> str:
    """Markdown: each change, its IoU, and the difference to the network as it is."""
    whole = next(iter(rows.values()))
    training = base.training
    return "\n".join(
        [
            f"`python -m benchmarks.studies.ablations`: {training.cached_examples:,} examples mixed once, "
            f"{training.epochs} epochs each; IoU of validation mixes at the best threshold.",
            "",
            *markdown_table(
                ("change", "IoU", "difference"),
                ((name, f"{iou:.3f}", f"{100 * (iou - whole):+.1f} points") for name, iou in rows.items()),
            ),
            "",
        ]
    )


if __name__ == "__main__":
    main()
