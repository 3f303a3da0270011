"""The history of a run: one row per epoch, in history.json, curves.png and TensorBoard's files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Self

from torch.utils.tensorboard import SummaryWriter

from birdedge.train.training.curves import draw_curves
from birdedge.train.training.epoch import Epoch


class History:
    """The epochs of a run so far. Each epoch that is appended is written to the folder of the run."""

    def __init__(self, folder: Path, epochs: Iterable[Epoch] = ()) -> None:
        self.epochs = list(epochs)
        self._folder = folder
        self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    @property
    def best(self) -> Epoch:
        """The epoch with the highest score, or the earliest of several with the same score."""
        return max(self.epochs, key=lambda epoch: epoch.score)

    @property
    def epochs_since_best(self) -> int:
        """The number of epochs without a better score."""
        return self.epochs[-1].epoch - self.best.epoch

    def append(self, epoch: Epoch) -> None:
        """Add an epoch and write all files."""
        self.epochs.append(epoch)
        for name in ("loss", "iou"):
            values = {split: getattr(epoch, f"{split}_{name}") for split in ("train", "validation")}
            self._writer.add_scalars(name, values, epoch.epoch)
        self._writer.add_scalar("auc", epoch.validation_auc, epoch.epoch)
        self._writer.add_scalar("learning_rate", epoch.learning_rate, epoch.epoch)
        self._writer.flush()
        rows = [asdict(e) for e in self.epochs]
        (self._folder / "history.json").write_text(json.dumps(rows, indent=1))
        draw_curves(self._folder / "curves.png", self.epochs)
