"""Training and validation loss and IoU over the epochs, as one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw_curves(path: Path, history: list[dict[str, Any]]) -> None:
    """Writes a PNG from rows with `epoch`, `train_loss`, `validation_loss`, `train_iou`, `validation_iou`."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (name, label) in enumerate((("loss", "loss"), ("iou", "foreground IoU")), 1):
        axes = figure.add_subplot(1, 2, place)
        epochs = [row["epoch"] for row in history]
        axes.plot(epochs, [row[f"train_{name}"] for row in history], marker=".", label="training")
        axes.plot(epochs, [row[f"validation_{name}"] for row in history], marker=".", label="validation")
        axes.set(xlabel="epoch", ylabel=label)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110, format="png")
