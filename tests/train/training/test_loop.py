"""Training, resuming and scoring on sound made by the generator."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from birdedge.edge.errors import DataError
from birdedge.train.data.augmentation import Augmentation
from birdedge.train.data.mixing import Mixing
from birdedge.train.training.checkpoint import load_checkpoint
from birdedge.train.training.loop import _counted, _scores, train
from birdedge.train.training.metrics import MaskScores
from birdedge.train.training.recipe import Recipe, Training
from tests.support.generated import write_recordings

SMALL = Recipe(
    name="small",
    mixing=Mixing(frames=128, as_recorded=0.0, empty=0.0, snr_low_db=10.0),
    training=Training(
        epochs=2, examples_per_epoch=64, validation_examples=16, batch=8, workers=0, precision="32-true"
    ),
)

SHORT = dataclasses.replace(
    SMALL,
    training=dataclasses.replace(SMALL.training, epochs=1, examples_per_epoch=16, validation_examples=8),
)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings"))


@pytest.fixture(scope="module")
def run(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "small"
    train(SMALL, recordings, out, say=lambda _: None)
    return out


def test_a_run_learns_and_leaves_what_it_promises(run: Path) -> None:
    history = json.loads((run / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[1]["train_loss"] < history[0]["train_loss"]
    assert history[1]["train_iou"] > history[0]["train_iou"]
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list(run.glob("events.out.tfevents.*"))


def test_the_best_checkpoint_rebuilds_the_network_and_names_its_data(run: Path) -> None:
    checkpoint = load_checkpoint(run / "best.safetensors")
    assert checkpoint.recipe == SMALL
    assert checkpoint.facts["training_data"][0]["licence"] == "CC0"
    assert 0 < checkpoint.facts["threshold"] < 1
    mask, _ = checkpoint.network(torch.zeros(1, 2, 64, 256))
    assert mask.shape == (1, 64, 256)


def test_the_same_seed_gives_the_same_weights(run: Path, recordings: Path, tmp_path: Path) -> None:
    train(SMALL, recordings, tmp_path / "again", say=lambda _: None)
    first, again = (load_checkpoint(p / "best.safetensors").network for p in (run, tmp_path / "again"))
    for (name, a), b in zip(first.state_dict().items(), again.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_a_run_cut_in_two_equals_one_that_was_not(run: Path, recordings: Path, tmp_path: Path) -> None:
    """The learning rate follows the whole recipe, so the first half must know of both epochs."""
    halves = tmp_path / "halves"

    class CutOff(Exception):
        pass

    def cut_after_first_epoch(line: str) -> None:
        if line.startswith("epoch 2:"):
            raise CutOff

    with pytest.raises(CutOff):
        train(SMALL, recordings, halves, say=cut_after_first_epoch)
    train(SMALL, recordings, halves, resume=True, say=lambda _: None)
    whole, resumed = (torch.load(p / "last.pt", weights_only=True) for p in (run, halves))
    for name, a in whole["network"].items():
        torch.testing.assert_close(resumed["network"][name], a, rtol=0, atol=0, msg=name)
    assert resumed["history"] == whole["history"]


def test_training_stops_early_when_validation_does_not_improve(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birdedge.train.training.loop._validate", lambda *_: (1.0, MaskScores()))
    said: list[str] = []
    settings = dataclasses.replace(SMALL.training, epochs=5, patience=2, examples_per_epoch=8)
    train(dataclasses.replace(SMALL, training=settings), recordings, tmp_path / "out", say=said.append)
    assert len(json.loads((tmp_path / "out" / "history.json").read_text())) == 3
    assert "stopped early" in said[-1]


def test_a_finished_run_is_not_overwritten(run: Path, recordings: Path) -> None:
    with pytest.raises(DataError, match="holds a run already"):
        train(SMALL, recordings, run, say=lambda _: None)


def test_a_run_of_another_network_is_not_resumed(run: Path, recordings: Path) -> None:
    other = dataclasses.replace(SMALL, network=dataclasses.replace(SMALL.network, dilations=(1, 2)))
    with pytest.raises(DataError, match="another network"):
        train(other, recordings, run, resume=True, say=lambda _: None)


def test_a_run_whose_state_is_damaged_is_not_resumed(run: Path, recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "last.pt").write_bytes((run / "last.pt").read_bytes()[:5000])
    with pytest.raises(DataError, match="is damaged"):
        train(SMALL, recordings, tmp_path, resume=True, say=lambda _: None)


def test_a_run_can_begin_with_the_weights_of_another_and_names_the_data_of_both_once(
    run: Path, recordings: Path, tmp_path: Path
) -> None:
    settings = dataclasses.replace(SMALL.training, learning_rate=1e-9, epochs=1, examples_per_epoch=8)
    recipe = dataclasses.replace(SMALL, training=settings)
    train(recipe, recordings, tmp_path / "more", start=run / "best.safetensors", say=lambda _: None)
    first, more = (load_checkpoint(p / "best.safetensors") for p in (run, tmp_path / "more"))
    torch.testing.assert_close(more.network.head.weight, first.network.head.weight, rtol=0, atol=1e-5)
    assert more.facts["training_data"] == first.facts["training_data"]


def test_where_compiling_fails_training_goes_on_and_says_so(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: torch.nn.Module) -> object:
        def call(*_: object) -> None:
            raise RuntimeError("no C++ compiler\nand more of it")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    said: list[str] = []
    for asked in (True, False):
        settings = dataclasses.replace(SHORT.training, compile=asked)
        recipe = dataclasses.replace(SHORT, training=settings)
        train(recipe, recordings, tmp_path / str(asked), say=said.append)
    assert said.count("torch.compile failed (no C++ compiler); going on without it, at the plain speed") == 1
    histories = [json.loads((tmp_path / asked / "history.json").read_text()) for asked in ("True", "False")]
    assert histories[0] == histories[1]


@pytest.mark.parametrize(("native", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_is_used_where_the_processor_computes_it(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: bool, precision: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.ops.mkldnn._is_mkldnn_bf16_supported", lambda: native)
    auto = dataclasses.replace(SHORT, training=dataclasses.replace(SHORT.training, precision="auto"))
    said: list[str] = []
    train(auto, recordings, tmp_path / "run", say=said.append)
    assert precision in said[0]


def test_turned_examples_are_learned_from_and_validation_is_left_as_it_is(
    run: Path, recordings: Path, tmp_path: Path
) -> None:
    settings = dataclasses.replace(SHORT.training, learning_rate=1e-12, average_decay=0.0)
    recipes = [
        dataclasses.replace(SMALL, training=settings, augmentation=Augmentation(rotation_degrees=r))
        for r in (0, 30)
    ]
    rows = []
    for i, recipe in enumerate(recipes):
        train(recipe, recordings, tmp_path / str(i), start=run / "best.safetensors", say=lambda _: None)
        rows.append(json.loads((tmp_path / str(i) / "history.json").read_text())[0])
    assert rows[1]["train_loss"] != pytest.approx(rows[0]["train_loss"], abs=1e-3)
    assert rows[1]["validation_loss"] == pytest.approx(rows[0]["validation_loss"], abs=0.05)


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no index\.tsv"):
        train(SMALL, tmp_path, tmp_path / "out", say=lambda _: None)
    assert not (tmp_path / "out").exists()


def test_scores_counted_where_the_tensors_are_equal_those_counted_from_arrays() -> None:
    torch.manual_seed(3)
    logits = 4 * torch.randn(2, 12, 64)  # a lookahead of 4 taken off
    target, weight = (torch.rand(2, 16, 64).round() for _ in range(2))
    counted, added = _scores(_counted(logits, target, weight)), MaskScores()
    added.add(torch.sigmoid(logits), target[:, :12], weight[:, :12])
    assert (counted.bird == added.bird).all()
    assert (counted.background == added.background).all()
    assert counted.bird.sum() > 100
