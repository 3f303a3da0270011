"""Impossible settings of examples are refused."""

from __future__ import annotations

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.train.data.mixing_settings import Mixing


@pytest.mark.parametrize("frames", [0, 2, 130])
def test_a_number_of_frames_that_does_not_fill_whole_cells_is_refused(frames: int) -> None:
    with pytest.raises(SettingsError, match=f"frames is {frames}; it must be a multiple of 4, at least 4"):
        Mixing(frames=frames)
