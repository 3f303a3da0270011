"""A run is resumed from a complete state of its own network only."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from birdedge.edge.errors import DataError
from birdedge.train.data.batch import Batch
from birdedge.train.training.epoch import Epoch
from birdedge.train.training.learner import Learner
from birdedge.train.training.recipe import Recipe
from birdedge.train.training.resume import load_state, save_state
from tests.support.training import SMALL

EPOCHS = [Epoch(n, 1.5 / n, 0.1 * n, 1.6 / n, 0.09 * n, 0.4 * n, 0.5, 1e-3 / n) for n in (1, 2)]


def new_learner(recipe: Recipe = SMALL) -> Learner:
    return Learner(Fabric(accelerator="cpu", precision="32-true"), recipe, None, [])


def one_step(learner: Learner) -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(2, 2, 64, 256, generator=generator)
    target = (x[:, 0] > 1).float()
    torch.manual_seed(4)  # for dropout
    learner.train_mode()
    sounds = torch.randint(-2, 3, (2, 16, 64), generator=generator, dtype=torch.int8)
    learner.step(Batch(x, target, torch.ones_like(target), sounds), 1e-3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    learner = new_learner()
    one_step(learner)
    save_state(tmp_path / "last.pt", SMALL, learner, EPOCHS)
    return tmp_path / "last.pt"


def test_a_resumed_learner_continues_like_the_original(path: Path) -> None:
    first, resumed = new_learner(), new_learner()
    for learner in (first, resumed):
        assert load_state(path, SMALL, learner) == EPOCHS
    save_state(path, SMALL, resumed, EPOCHS)
    third = new_learner()
    load_state(path, SMALL, third)
    for learner in (first, third):
        one_step(learner)
    for name, weights in first.best_weights.state_dict().items():
        assert torch.equal(third.best_weights.state_dict()[name], weights), name


def test_saving_leaves_no_other_file(path: Path) -> None:
    assert [p.name for p in path.parent.iterdir()] == ["last.pt"]


def test_a_folder_without_a_state_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no last\.pt to resume from; leave out --resume"):
        load_state(tmp_path / "last.pt", SMALL, new_learner())


def test_the_state_of_another_network_is_not_resumed(path: Path) -> None:
    other = dataclasses.replace(SMALL, network=dataclasses.replace(SMALL.network, dropout=0.2))
    with pytest.raises(DataError, match="belongs to a different network from recipe small"):
        load_state(path, other, new_learner(other))


@pytest.mark.parametrize("kept_bytes", [0, 5000])
def test_a_damaged_state_is_not_resumed(path: Path, kept_bytes: int) -> None:
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(DataError, match="is damaged and cannot be resumed; start a new run"):
        load_state(path, SMALL, new_learner())
