"""The model card for files of masks and tables."""

from __future__ import annotations

import pytest

from birdedge.edge.models.card import ModelCard
from tests.support.models import short_frames_card


@pytest.fixture(scope="package")
def card() -> ModelCard:
    return short_frames_card()
