"""The model card for files of masks and tables."""

from __future__ import annotations

import pytest

from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model


@pytest.fixture(scope="package")
def card() -> ModelCard:
    return Model("birdedge-int8").card
