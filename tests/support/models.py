"""Assertions about model files."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.model import Model


def refusal(path: Path) -> str:
    """Return the error of a model file that does not open: one line that names the file."""
    with pytest.raises(ModelFileError) as refused:
        Model(path)
    message = str(refused.value)
    assert str(path) in message
    assert "\n" not in message
    return message
