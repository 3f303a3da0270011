"""Compare the compact network with reference systems: `python -m benchmarks.studies.systems --data recordings/`.

With `--train` those that have no finished run yet are trained first: same recordings, splits, examples and epochs
for all, each by its own recipe. Then one table, printed and written to SYSTEMS.md, and its figures to systems.json.
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
TITLES = {**OFFLINE, COMPACT: "compact, in the same budget"}
SETS = ("painted", "mixes")
COUNTED_S = 10


@dataclass(frozen=True)
class Row:
    """One system; `figures` by set, as `mask_figures` gives them."""

    title: str
    parameters: int
    macs_per_s: float
    streams: bool
    figures: dict[str, dict[str, Any]]
    budget: str | None = None  # what it was trained on and for how long; None for a model file

    def iou(self, name: str) -> float:
        """Pooled foreground IoU on a set, 0..1."""
        return float(self.figures[name]["iou"])


@click.command()
@click.option(
    "--data", required=True, type=click.Path(path_type=Path, file_okay=False), help="With index.tsv."
)
@click.option("--runs", type=click.Path(path_type=Path, file_okay=False), default="runs", show_default=True)
@click.option("--train", "with_training", is_flag=True, help="Train what has no finished run in --runs.")
@click.option(
    "--mixes", type=click.IntRange(1), default=200, show_default=True, help="How many mixes to score."
)
def main(data: Path, runs: Path, with_training: bool, mixes: int) -> None:
    """Compare the compact network with the systems its field stands on."""
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
    text = page(rows, budgets[0], date.today())
    PAGE.write_text(text, encoding="utf-8")
    kept = {"date": str(date.today()), "rows": [asdict(row) for row in rows]}
    FIGURES.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    click.echo(text)


def train(recipe: str, data: Path, runs: Path) -> None:
    """A run of the budget, or the rest of one, unless it is finished."""
    out, epochs = runs / recipe, read_recipe(COMPACT).training.epochs
    history = out / "history.json"
    if history.is_file() and len(json.loads(history.read_text())) >= epochs:
        return
    command = [sys.executable, "-m", "birdedge", "train", recipe, "--data", str(data), "--out", str(out)]
    command += ["--epochs", str(epochs), "--cache", str(runs / "examples.safetensors")]
    if (out / "last.pt").is_file():
        command.append("--resume")
    if subprocess.run(command).returncode:
        raise click.ClickException(f"training {recipe} failed; see above")


def checkpoint_row(title: str, path: Path, sets: EvaluationSets) -> Row:
    """Raises: ModelMissingError where it has not been trained."""
    checkpoint = load_checkpoint(path)
    network, training = checkpoint.network, checkpoint.recipe.training
    return Row(
        title,
        sum(p.numel() for p in network.parameters()),
        macs_per_s(network),
        isinstance(network, UNet),
        scores(checkpoint_detector(path), sets),
        f"{training.cached_examples:,} examples mixed once, seed {training.seed}, {training.epochs} epochs",
    )


def model_row(name: str, sets: EvaluationSets) -> Row:
    """A model file, its cost from its card."""
    model = Model(name)
    card = model.card
    return Row(
        f"{name}, as shipped", card.parameters, card.macs_per_s, True, scores(model_detector(model), sets)
    )


def scores(masker: Detector, sets: EvaluationSets) -> dict[str, dict[str, Any]]:
    """Mask figures by set, at the masker's own threshold, which was chosen on validation sound."""
    return {
        name: mask_figures(
            [score_clip(masker, clip) for clip in sets.masked[name]], masker.threshold
        ).to_dict()
        for name in SETS
    }


@torch.no_grad()
def macs_per_s(network: Network) -> float:
    """Multiply-accumulates a second of sound, counted on 10 s."""
    frames = round(COUNTED_S / GRID.hop_s)
    x = torch.zeros(1, network.config.input_channels, frames - frames % 4, GRID.bins)
    with FlopCounterMode(display=False) as counter:
        network(x)
    return float(counter.get_total_flops()) / 2 / COUNTED_S


def page(rows: list[Row], given: str, day: date) -> str:
    """The table and what it says, as Markdown."""
    head = ["", "parameters", "MMAC a second of sound", *(f"IoU {name} [95 %]" for name in SETS), "streams"]
    body = [
        [
            row.title,
            f"{row.parameters:,}",
            f"{row.macs_per_s / 1e6:.0f}",
            *(_iou(row.figures[name]) for name in SETS),
            "yes" if row.streams else "no",
        ]
        for row in rows
    ]
    return "\n".join(
        [
            "# The compact network beside the systems its field stands on",
            "",
            f"Printed by `python -m benchmarks.studies.systems`, {day}. Trained on the same recordings and splits: "
            f"{given}; the shipped model, which was trained for longer, is not part of that comparison. Pooled "
            "foreground IoU in %, at thresholds chosen on validation sound.",
            "",
            *markdown_table(head, body),
            "",
            *(verdict(name, rows) for name in SETS),
            "",
        ]
    )


def verdict(name: str, rows: list[Row]) -> str:
    """Who is best on a set in the same budget, and how far the compact network is from it."""
    compact = next(row for row in rows if row.title == TITLES[COMPACT])
    best = max((row for row in rows if row.title in OFFLINE.values()), key=lambda row: row.iou(name))
    points = 100 * (compact.iou(name) - best.iou(name))
    return (
        f"- {name}: the best of the others is {best.title} with {100 * best.iou(name):.1f} %; the compact network has "
        f"{100 * compact.iou(name):.1f} %, {abs(points):.1f} points {'more' if points >= 0 else 'less'}, at "
        f"{compact.macs_per_s / best.macs_per_s:.2f} of its multiply-accumulates and "
        f"{compact.parameters / best.parameters:.2f} of its parameters."
    )


def _iou(figures: dict[str, Any]) -> str:
    shown = f"{100 * figures['iou']:.1f}"
    if "iou_interval" not in figures:  # of one recording there is none
        return shown
    low, high = figures["iou_interval"]
    return f"{shown} [{100 * low:.1f}..{100 * high:.1f}]"


if __name__ == "__main__":
    main()
