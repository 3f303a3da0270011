"""Settings that a model card carries."""

from __future__ import annotations

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.models.settings import EventSettings, InputScaling


@pytest.mark.parametrize(("area_hz_s", "min_score"), [(10.0, 0.92), (100.0, 0.9), (1000.0, 0.88)])
def test_the_minimum_score_decreases_with_each_tenfold_area(area_hz_s: float, min_score: float) -> None:
    settings = EventSettings(min_score=0.9, min_score_drop_per_decade=0.02)
    assert settings.min_score_of(area_hz_s) == pytest.approx(min_score)


def test_the_minimum_score_is_described_with_its_values() -> None:
    assert EventSettings(min_score=0.9, min_score_drop_per_decade=0.02).in_words == (
        "an event of 100 Hz s has a mean probability of at least 0.9, 0.02 less per tenfold area"
    )


def test_a_noise_floor_that_rises_faster_than_it_falls_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"rise_frames is 10\.0 and fall_frames is 20\.0"):
        InputScaling(rise_frames=10.0, fall_frames=20.0)
