"""Loss and IoU over the epochs of a run, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from birdedge.train.training.epoch import Epoch


def draw_curves(path: Path, epochs: Sequence[Epoch]) -> None:
    """Write a PNG of training and validation loss and IoU."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (name, label) in enumerate((("loss", "loss"), ("iou", "foreground IoU")), 1):
        axes = figure.add_subplot(1, 2, place)
        numbers = [epoch.epoch for epoch in epochs]
        for split, title in (("train", "training"), ("validation", "validation")):
            values = [getattr(epoch, f"{split}_{name}") for epoch in epochs]
            axes.plot(numbers, values, marker=".", label=title)
        axes.set(xlabel="epoch", ylabel=label)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110, format="png")
