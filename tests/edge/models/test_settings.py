"""Settings that a model card carries."""

from __future__ import annotations

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.models.settings import InputScaling


def test_a_noise_floor_that_rises_faster_than_it_falls_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"rise_frames is 10\.0 and fall_frames is 20\.0"):
        InputScaling(rise_frames=10.0, fall_frames=20.0)
