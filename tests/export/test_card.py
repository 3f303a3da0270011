"""The card of an exported model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import onnx
import pytest

from birdedge.edge.models.model import Model
from birdedge.export.card import draft_card, model_file_bytes
from birdedge.export.settings import ExportSettings, FileForm
from birdedge.train.networks.unet import UNet
from birdedge.train.training.checkpoint import Checkpoint
from birdedge.train.training.recipe import Recipe
from tests.support.exports import TRAINING_DATA, Graphs
from tests.support.models import refusal


def card_of(network: UNet, graph: Graphs, facts: dict[str, Any]) -> Any:
    return draft_card(
        Checkpoint(network, Recipe(network=network.config), facts),
        "mine",
        FileForm("fp32", 16),
        graph(16, False),
        ExportSettings(min_score=0.9, follow_score=0.6),
    )


def test_thresholds_follow_from_the_checkpoint_and_the_minimum_score(network: UNet, graph: Graphs) -> None:
    card = card_of(network, graph, {"threshold": 0.4})
    assert (card.threshold, card.events.low_threshold, card.events.high_threshold) == (0.4, 0.4, 0.7)
    assert (card.events.min_score, card.events.follow_score) == (0.9, 0.6)


@pytest.mark.parametrize(
    ("training_data", "licence"),
    [
        ((), "unknown: the checkpoint does not say what it was trained on"),
        ((TRAINING_DATA,), "CC-BY-SA-4.0 (trained on openly licensed recordings alone)"),
        (
            (TRAINING_DATA, TRAINING_DATA | {"tier": "restricted"}),
            "LicenseRef-birdedge-research-weights: non-commercial (trained on restricted recordings too)",
        ),
    ],
)
def test_the_licence_follows_from_the_training_data(
    network: UNet, graph: Graphs, training_data: tuple[dict[str, Any], ...], licence: str
) -> None:
    card = card_of(network, graph, {"threshold": 0.4, "training_data": training_data})
    assert card.licence == licence
    assert card.training_data == training_data


def test_a_model_file_opens_with_the_card_it_was_written_with(
    network: UNet, graph: Graphs, tmp_path: Path
) -> None:
    card = card_of(network, graph, {"threshold": 0.4})
    (tmp_path / "mine.onnx").write_bytes(model_file_bytes(graph(16, False), card))
    assert Model(tmp_path / "mine.onnx").card == card


def test_a_card_that_contradicts_its_graph_is_refused(exported: Path, tmp_path: Path) -> None:
    model = onnx.load(exported / "mine-fp32.onnx")
    card = dataclasses.replace(Model(exported / "mine-fp32.onnx").card, chunk_frames=32)
    (tmp_path / "model.onnx").write_bytes(model_file_bytes(model, card))
    assert "contradicts its graph" in refusal(tmp_path / "model.onnx")
