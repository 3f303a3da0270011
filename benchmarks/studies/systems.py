"""Compare the compact network with networks from the literature.

`python -m benchmarks.studies.systems --data recordings/`

With `--train`, networks without a finished run are trained first, all on the same recordings, splits and examples, each
by its own recipe. Only the founding paper's network is trained for more epochs: as many as the paper says, or until it
stops improving. The table is written to SYSTEMS.md and its figures to systems.json, where a network whose run is not in
`--runs` keeps its row: a comparison may take several sessions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.studies.systems_page import COMPACT, FIGURES, PAGE, SETS, TITLES, Row, stored_page
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.train.data.stft import GRID
from birdedge.train.evaluation.datasets import EvaluationSets, read_sets
from birdedge.train.evaluation.detectors import Detector, checkpoint_detector, model_detector
from birdedge.train.evaluation.scoring import mask_figures, score_clip
from birdedge.train.networks.registry import Network
from birdedge.train.networks.unet import UNet
from birdedge.train.training.checkpoint import load_checkpoint
from birdedge.train.training.epoch import Epoch
from birdedge.train.training.recipe import read_recipe

COUNTED_S = 10


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder with an index.tsv.")
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    default="runs",
    show_default=True,
    help="Folder of the training runs.",
)
@click.option(
    "--train", "with_training", is_flag=True, help="First train networks without a finished run in --runs."
)
@click.option(
    "--mixes", type=click.IntRange(1), default=200, show_default=True, help="Number of mixes to score."
)
@click.option("--page-only", is_flag=True, help="Measure nothing; print the page from systems.json.")
def main(data: Path | None, runs: Path, with_training: bool, mixes: int, page_only: bool) -> None:
    """Compare the compact network with networks from the literature.

    \b
    Example:
      python -m benchmarks.studies.systems --data recordings/ --train
      python -m benchmarks.studies.systems --page-only
    """
    if not page_only:
        if data is None:
            raise click.UsageError("give --data, a folder with an index.tsv, or --page-only")
        stored = json.loads(FIGURES.read_text(encoding="utf-8"))
        measured = _measure(data, runs, with_training, mixes)
        kept = merged(stored, measured, date.today())
        FIGURES.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    text = stored_page()
    PAGE.write_text(text, encoding="utf-8")
    click.echo(text)


def _measure(data: Path, runs: Path, with_training: bool, mixes: int) -> list[Row]:
    """Score each network with a finished run, and the default model."""
    try:
        if with_training:
            for recipe in TITLES:
                train(recipe, data, runs)
        finished = [recipe for recipe in TITLES if is_finished(recipe, runs)]
        if not finished:
            raise click.ClickException(f"{runs} has no finished run; give another --runs, or --train")
        sets = read_sets(data, "test", mixes)
        rows = [
            checkpoint_row(TITLES[recipe], runs / recipe / "best.safetensors", sets) for recipe in finished
        ]
        return [*rows, model_row(DEFAULT_MODEL, sets)]
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error


def merged(stored: dict[str, Any], measured: list[Row], day: date) -> dict[str, Any]:
    """Return the figures with the measured rows; stored rows of another budget move to `earlier`, all together.

    Raises:
        ClickException: The measured networks had different budgets.
    """
    budgets = sorted({row.budget for row in measured if row.budget})
    if len(budgets) > 1:
        raise click.ClickException(
            f"the networks had different budgets ({'; '.join(budgets)}): train them again in another --runs"
        )
    rows = {row["title"]: row for row in stored["rows"]}
    if any(row["budget"] not in (*budgets, None) for row in rows.values()):
        stored, rows = {"earlier": {"date": stored["date"], "rows": stored["rows"]}}, {}
    rows |= {row.title: asdict(row) for row in measured}
    return {**stored, "date": str(day), "rows": list(rows.values())}


def is_finished(recipe: str, runs: Path) -> bool:
    """Return whether a run has all its epochs, or stopped early."""
    epochs, training = epochs_of(runs / recipe), read_recipe(recipe).training
    if not epochs:
        return False
    best = max(epochs, key=lambda epoch: epoch.score)
    return len(epochs) >= training.epochs or epochs[-1].epoch - best.epoch >= training.patience


def train(recipe: str, data: Path, runs: Path) -> None:
    """Train a network, or resume its run, unless the run is finished."""
    if is_finished(recipe, runs):
        return
    out = runs / recipe
    command = [sys.executable, "-m", "birdedge", "train", recipe, "--data", str(data), "--out", str(out)]
    command += ["--cache", str(runs / "examples.safetensors")]
    if (out / "last.pt").is_file():
        command.append("--resume")
    if subprocess.run(command, check=False).returncode:
        raise click.ClickException(f"training {recipe} failed; see above")


def epochs_of(run: Path) -> list[Epoch]:
    """Return the epochs of a run so far."""
    history = run / "history.json"
    return (
        [Epoch(**row) for row in json.loads(history.read_text(encoding="utf-8"))] if history.is_file() else []
    )


def checkpoint_row(title: str, path: Path, sets: EvaluationSets) -> Row:
    """Score a trained network.

    Raises:
        ModelMissingError: It has not been trained.
    """
    checkpoint = load_checkpoint(path)
    network, training = checkpoint.network, checkpoint.recipe.training
    # The paper's network is trained for more epochs than the others.
    epochs = (
        f"{read_recipe(COMPACT).training.epochs if title == TITLES['paper'] else training.epochs} epochs, "
    )
    return Row(
        title,
        sum(p.numel() for p in network.parameters()),
        macs_per_s(network),
        isinstance(network, UNet),
        scores(checkpoint_detector(path), sets),
        f"{training.cached_examples:,} examples mixed once, {epochs}seed {training.seed}",
        len(epochs_of(path.parent)),
    )


def model_row(name: str, sets: EvaluationSets) -> Row:
    """Score a model file, with the cost from its card."""
    model = Model(name)
    card = model.card
    return Row(
        f"{name}, bundled", card.parameters, card.macs_per_s, True, scores(model_detector(model), sets)
    )


def scores(detector: Detector, sets: EvaluationSets) -> dict[str, dict[str, Any]]:
    """Return the mask figures by set, at the detector's own threshold, which was chosen on validation mixes."""
    return {
        name: mask_figures(
            [score_clip(detector, clip) for clip in sets.masked[name]], detector.threshold
        ).to_dict()
        for name in SETS
    }


@torch.no_grad()
def macs_per_s(network: Network) -> float:
    """Return the multiply-accumulates per second of audio, counted on `COUNTED_S`."""
    frames = round(COUNTED_S / GRID.hop_s)
    x = torch.zeros(1, network.config.input_channels, frames - frames % 4, GRID.bins)
    with FlopCounterMode(display=False) as counter:
        network(x)
    return float(counter.get_total_flops()) / 2 / COUNTED_S


if __name__ == "__main__":
    main()
