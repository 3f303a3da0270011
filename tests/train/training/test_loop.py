"""Training on synthetic recordings learns, is reproducible, and stops when it should."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from birdedge.edge.errors import DataError
from birdedge.train.data.augmentation import Augmentation
from birdedge.train.data.examples import mixed_examples
from birdedge.train.training.checkpoint import load_checkpoint
from birdedge.train.training.learner import run_batch
from birdedge.train.training.regions import RegionScores
from tests.support.training import SHORT, SMALL, train_quietly, with_training


@pytest.fixture(scope="module")
def run(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "small"
    assert train_quietly(SMALL, recordings, folder) == folder / "best.safetensors"
    return folder


def test_a_run_learns_and_writes_all_its_files(run: Path) -> None:
    history = json.loads((run / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["train_loss"] < history[0]["train_loss"]
    assert history[1]["train_iou"] > history[0]["train_iou"]
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list(run.glob("events.out.tfevents.*"))
    assert json.loads((run / "recipe.json").read_text())["name"] == "small"


def test_the_best_checkpoint_rebuilds_the_network_and_lists_its_data(run: Path) -> None:
    checkpoint = load_checkpoint(run / "best.safetensors")
    assert checkpoint.recipe == SMALL
    assert checkpoint.facts["training_data"][0]["licence"] == "CC0"
    assert 0 < checkpoint.facts["threshold"] < 1
    mask, _, _ = checkpoint.network(torch.zeros(1, 2, 64, 256))
    assert mask.shape == (1, 64, 256)


@torch.no_grad()
def test_the_auc_of_the_best_epoch_comes_from_the_regions_in_the_validation_mixes(
    run: Path, recordings: Path
) -> None:
    best, scores = load_checkpoint(run / "best.safetensors"), RegionScores()
    validation = mixed_examples(SMALL, recordings, None, None, lambda _: None).validation
    for batch in DataLoader(validation, SMALL.training.batch):
        regions = run_batch(best.network, batch, SMALL).regions
        assert regions is not None
        scores.add(regions)
    history = json.loads((run / "history.json").read_text())
    (row,) = (row for row in history if row["epoch"] == best.facts["epoch"])
    assert row["validation_auc"] == best.facts["validation_auc"] == pytest.approx(scores.auc())
    assert 0.0 < scores.auc() < 1.0
    assert scores.auc() != 0.5  # there are regions with and without birds
    iou_and_auc = [row["validation_iou"] + row["validation_auc"] for row in history]
    assert iou_and_auc.index(max(iou_and_auc)) + 1 == best.facts["epoch"]


def test_the_same_seed_gives_the_same_weights(run: Path, recordings: Path, tmp_path: Path) -> None:
    train_quietly(SMALL, recordings, tmp_path / "again")
    first, again = (load_checkpoint(p / "best.safetensors").network for p in (run, tmp_path / "again"))
    for (name, a), b in zip(first.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    run: Path, recordings: Path, tmp_path: Path
) -> None:
    """The learning rate follows the whole recipe, so the first half has the epochs of both halves."""
    halves = tmp_path / "halves"

    class InterruptionError(Exception):
        pass

    def interrupt_after_first_epoch(line: str) -> None:
        if line.startswith("epoch 2:"):
            raise InterruptionError

    with pytest.raises(InterruptionError):
        train_quietly(SMALL, recordings, halves, say=interrupt_after_first_epoch)
    train_quietly(SMALL, recordings, halves, resume=True)
    whole, resumed = (torch.load(p / "last.pt", weights_only=True) for p in (run, halves))
    for name, a in whole["network"].items():
        torch.testing.assert_close(resumed["network"][name], a, rtol=0, atol=0, msg=name)
    assert resumed["history"] == whole["history"]


def test_training_stops_early_when_validation_does_not_improve(recordings: Path, tmp_path: Path) -> None:
    # Without birds, the IoU is 1 from the first epoch on: there is nothing, and nothing is found.
    recipe = with_training(SHORT, epochs=5, patience=2, examples_per_epoch=8, batch=4)
    recipe = dataclasses.replace(recipe, mixing=dataclasses.replace(recipe.mixing, empty=1.0))
    said: list[str] = []
    train_quietly(recipe, recordings, tmp_path / "out", say=said.append)
    history = json.loads((tmp_path / "out" / "history.json").read_text())
    assert [row["validation_iou"] for row in history] == [1.0, 1.0, 1.0]
    assert said[-1] == "no better score for 2 epochs: stopped early"
    assert load_checkpoint(tmp_path / "out" / "best.safetensors").facts["epoch"] == 1


def test_a_finished_run_is_not_overwritten(run: Path, recordings: Path) -> None:
    with pytest.raises(
        DataError, match="already holds a run; give another --out, --resume to continue it, or"
    ):
        train_quietly(SMALL, recordings, run)


@pytest.mark.parametrize("name", ["best.safetensors", "last.pt", "recipe.json", "history.json", "curves.png"])
def test_a_run_replaces_no_file_without_force(name: str, recordings: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"mine")
    with pytest.raises(DataError, match="or --force to replace it"):
        train_quietly(SMALL, recordings, tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_force_replaces_a_run(recordings: Path, tmp_path: Path) -> None:
    for name in ("best.safetensors", "last.pt", "recipe.json", "history.json", "curves.png"):
        (tmp_path / name).write_bytes(b"mine")
    recipe = with_training(SMALL, epochs=1, examples_per_epoch=8)
    train_quietly(recipe, recordings, tmp_path, force=True)
    assert b"mine" not in [path.read_bytes() for path in tmp_path.iterdir() if path.is_file()]


def test_a_forced_run_that_stops_in_its_first_epoch_leaves_nothing_to_resume(
    run: Path, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run, tmp_path / "small")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("birdedge.train.training.loop._train_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train_quietly(SMALL, recordings, tmp_path / "small", force=True)
    with pytest.raises(DataError, match=r"has no last\.pt"):
        train_quietly(SMALL, recordings, tmp_path / "small", resume=True)


def test_a_run_can_start_from_the_weights_of_another_and_lists_the_data_of_both_once(
    run: Path, recordings: Path, tmp_path: Path
) -> None:
    recipe = with_training(SMALL, learning_rate=1e-9, epochs=1, examples_per_epoch=8)
    train_quietly(recipe, recordings, tmp_path / "more", initial=run / "best.safetensors")
    first, more = (load_checkpoint(p / "best.safetensors") for p in (run, tmp_path / "more"))
    weights = [c.network.state_dict()["head.weight"] for c in (first, more)]
    torch.testing.assert_close(weights[1], weights[0], rtol=0, atol=1e-5)
    assert more.facts["training_data"] == first.facts["training_data"]


def test_training_examples_are_rotated_and_validation_examples_are_not(
    run: Path, recordings: Path, tmp_path: Path
) -> None:
    recipe = with_training(SHORT, learning_rate=1e-12, average_decay=0.0)
    rows = []
    for degrees in (0.0, 30.0):
        rotated = dataclasses.replace(recipe, augmentation=Augmentation(rotation_degrees=degrees))
        folder = tmp_path / str(degrees)
        train_quietly(rotated, recordings, folder, initial=run / "best.safetensors")
        rows.append(json.loads((folder / "history.json").read_text())[0])
    assert rows[1]["train_loss"] != pytest.approx(rows[0]["train_loss"], abs=1e-3)
    assert rows[1]["validation_loss"] == pytest.approx(rows[0]["validation_loss"], abs=0.05)


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no index\.tsv"):
        train_quietly(SMALL, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
