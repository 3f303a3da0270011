"""The model for which clips are cut."""

from __future__ import annotations

import pytest

from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model


@pytest.fixture(scope="package")
def model() -> Model:
    return Model("birdedge-int8")


@pytest.fixture(scope="package")
def card(model: Model) -> ModelCard:
    return model.card
