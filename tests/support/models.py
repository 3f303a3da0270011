"""Model files with a changed card, and assertions about their errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.model import Model

Card = dict[str, Any]
Change = Callable[[Card], Card | str | None]  # to the new card, its text, or None for a model without card
EditedModel = Callable[[Change], Path]


def refusal(path: Path) -> str:
    """Return the error of a model file that does not open: one line that names the file."""
    with pytest.raises(ModelFileError) as refused:
        Model(path)
    message = str(refused.value)
    assert str(path) in message
    assert "\n" not in message
    return message
