"""The model for which clips are cut, and the card for masks that tests make."""

from __future__ import annotations

import pytest

from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from tests.support.models import short_frames_card


@pytest.fixture(scope="package")
def model() -> Model:
    return Model("birdedge-int8")


@pytest.fixture(scope="package")
def card() -> ModelCard:
    return short_frames_card()
