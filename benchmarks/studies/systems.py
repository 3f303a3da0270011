"""Compare the compact network with networks from the literature.

`python -m benchmarks.studies.systems --data recordings/`

With `--train`, networks without a finished run are trained first, all on the same recordings, splits and examples, each
by its own recipe. Only the founding paper's network is trained for more epochs: as many as the paper says, or until it
stops improving. The table is written to SYSTEMS.md and its figures to systems.json.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.report.markdown import markdown_table
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

PAGE = Path(__file__).with_name("SYSTEMS.md")
FIGURES = Path(__file__).with_name("systems.json")
COMPACT = "compact-budget"
OFFLINE = {
    "paper": "U-Net (paper)",
    "attention-unet": "attention U-Net",
    "fcn": "FCN-8s",
    "segnet": "SegNet",
    "deeplab": "DeepLabV3+",
    "vit": "UNETR (ViT)",
    "swin": "Swin UNETR",
}
TITLES = {**OFFLINE, COMPACT: "compact, same budget"}
SETS = ("painted", "mixes")
COUNTED_S = 10


@dataclass(frozen=True)
class Row:
    """One network, with its figures by test set from `mask_figures`."""

    title: str
    parameters: int
    macs_per_s: float
    streams: bool
    figures: dict[str, dict[str, Any]]
    budget: str | None = None  # training examples and seed; None for a model file
    epochs: int | None = None  # that were trained

    def iou(self, name: str) -> float:
        """Return the pooled foreground IoU on a set, 0..1."""
        return float(self.figures[name]["iou"])


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
        rows = _measure(data, runs, with_training, mixes)
        kept = {"date": str(date.today()), "rows": [asdict(row) for row in rows]}
        FIGURES.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    text = stored_page()
    PAGE.write_text(text, encoding="utf-8")
    click.echo(text)


def _measure(data: Path, runs: Path, with_training: bool, mixes: int) -> list[Row]:
    try:
        if with_training:
            for recipe in TITLES:
                train(recipe, data, runs)
        sets = read_sets(data, "test", mixes)
        rows = [
            checkpoint_row(title, runs / recipe / "best.safetensors", sets)
            for recipe, title in TITLES.items()
        ]
        rows.append(model_row(DEFAULT_MODEL, sets))
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error
    budgets = sorted({row.budget for row in rows if row.budget})
    if len(budgets) > 1:
        raise click.ClickException(
            f"the runs in {runs} had different budgets ({'; '.join(budgets)}); train them again in another --runs"
        )
    return rows


def train(recipe: str, data: Path, runs: Path) -> None:
    """Train a network, or resume its run, unless the run is finished."""
    out, training = runs / recipe, read_recipe(recipe).training
    if epochs := epochs_of(out):
        best = max(epochs, key=lambda epoch: epoch.score)
        if len(epochs) >= training.epochs or epochs[-1].epoch - best.epoch >= training.patience:
            return
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
    return Row(
        title,
        sum(p.numel() for p in network.parameters()),
        macs_per_s(network),
        isinstance(network, UNet),
        scores(checkpoint_detector(path), sets),
        f"{training.cached_examples:,} examples mixed once, seed {training.seed}",
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


def stored_page() -> str:
    """Return the page of the figures in systems.json."""
    stored = json.loads(FIGURES.read_text(encoding="utf-8"))
    rows = [Row(**row) for row in stored["rows"]]
    budget = next(row.budget for row in rows if row.budget)
    return page(rows, budget, date.fromisoformat(stored["date"]))


def page(rows: list[Row], budget: str, day: date) -> str:
    """Return the table and its summary as Markdown."""
    head = [
        "",
        "parameters",
        "MMAC per second of audio",
        "epochs",
        *(f"IoU {name} [95 %]" for name in SETS),
        "streams",
    ]
    body = [
        [
            row.title,
            f"{row.parameters:,}",
            f"{row.macs_per_s / 1e6:.0f}",
            str(row.epochs or ""),
            *(_iou(row.figures[name]) for name in SETS),
            "yes" if row.streams else "no",
        ]
        for row in rows
    ]
    return "\n".join(
        [
            "# The compact network compared with networks from the literature",
            "",
            f"Printed by `python -m benchmarks.studies.systems`, {day}. Trained on the same recordings and splits: "
            f"{budget}. The bundled model was trained for longer and is not part of the comparison. Pooled "
            "foreground IoU in %, at thresholds chosen on validation mixes.",
            "",
            *markdown_table(head, body),
            "",
            *(verdict(name, rows) for name in SETS),
            "",
        ]
    )


def verdict(name: str, rows: list[Row]) -> str:
    """Return a sentence with the best other network on a set and its distance to the compact network."""
    compact = next(row for row in rows if row.title == TITLES[COMPACT])
    best = max((row for row in rows if row.title in OFFLINE.values()), key=lambda row: row.iou(name))
    points = 100 * (compact.iou(name) - best.iou(name))
    return (
        f"- {name}: the best of the others is {best.title} with {100 * best.iou(name):.1f} %; the compact network has "
        f"{100 * compact.iou(name):.1f} %, {abs(points):.1f} points {'more' if points >= 0 else 'less'}, with "
        f"{compact.macs_per_s / best.macs_per_s:.2f} times the multiply-accumulates and "
        f"{compact.parameters / best.parameters:.2f} times the parameters."
    )


def _iou(figures: dict[str, Any]) -> str:
    text = f"{100 * figures['iou']:.1f}"
    if "iou_interval" not in figures:  # a single recording has no interval
        return text
    low, high = figures["iou_interval"]
    return f"{text} [{100 * low:.1f}..{100 * high:.1f}]"


if __name__ == "__main__":
    main()
