"""The history keeps the best epoch and is written after each."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from birdedge.train.training.epoch import Epoch
from birdedge.train.training.history import History


def epoch(number: int, iou: float, auc: float = 0.75) -> Epoch:
    return Epoch(number, 1.2, 0.4, 1.3, iou, auc, 0.6, 1e-3)


def test_the_best_epoch_is_the_earliest_with_the_highest_score(tmp_path: Path) -> None:
    with History(tmp_path, [epoch(1, 0.3), epoch(2, 0.5)]) as history:
        assert history.epochs_since_best == 0
        for number, iou in ((3, 0.5), (4, 0.4)):
            history.append(epoch(number, iou))
            assert history.best == epoch(2, 0.5)
            assert history.epochs_since_best == number - 2
        history.append(epoch(5, 0.6))
        assert history.best is history.epochs[-1]
        assert history.epochs_since_best == 0


def test_the_score_is_the_mean_of_iou_and_auc_on_validation_data(tmp_path: Path) -> None:
    assert epoch(1, 0.3, 0.8).score == pytest.approx(0.55)
    with History(tmp_path, [epoch(1, 0.5, 0.7), epoch(2, 0.4, 0.9), epoch(3, 0.45, 0.8)]) as history:
        assert history.best.epoch == 2
        assert history.epochs_since_best == 1


def test_each_epoch_is_written_when_it_is_appended(tmp_path: Path) -> None:
    with History(tmp_path) as history:
        for number in (1, 2):
            history.append(epoch(number, 0.3))
            rows = json.loads((tmp_path / "history.json").read_text())
            assert rows == [asdict(epoch(n, 0.3)) for n in range(1, number + 1)]
            assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
            assert [row["validation_auc"] for row in rows] == [0.75] * number
    assert list(tmp_path.rglob("events.out.tfevents.*"))


def test_an_epoch_is_printed_in_one_line() -> None:
    assert str(epoch(7, 0.3456)) == (
        "epoch 7: train loss 1.200 IoU 0.400, validation loss 1.300 IoU 0.346, AUC of regions 0.750, threshold 0.60"
    )
