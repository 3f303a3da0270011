"""Fixtures that tests of training and evaluation share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.generated import write_recordings


@pytest.fixture(scope="session")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of recordings made by the generator; read it only."""
    return write_recordings(tmp_path_factory.mktemp("recordings"), files=24, duration_s=5.0)
