"""Model files with a changed card, a card for handmade masks, and assertions about errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.errors import ModelFileError
from birdedge.edge.grid import Grid
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.checked_model import check_model
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL

Card = dict[str, Any]
Change = Callable[[Card], Card | str | None]  # to the new card, its text, or None for a model without card
EditedModel = Callable[[Change], Path]


def short_frames_card() -> ModelCard:
    """Return the default model's card with frames of 8 ms, as handmade masks have."""
    return dataclasses.replace(check_model(DEFAULT_MODEL).card, grid=Grid())


def refusal(path: Path) -> str:
    """Return the error of a model file that does not open: one line that names the file."""
    with pytest.raises(ModelFileError) as refused:
        Model(path)
    message = str(refused.value)
    assert str(path) in message
    assert "\n" not in message
    return message
