"""Synthetic noise has the spectrum and dynamics of its kind."""

from __future__ import annotations

import numpy as np
import pytest

from birdedge.edge.synthesis.weather import insects, rain, wind
from tests.support.signals import share_of_energy

SEEDS = range(8)


@pytest.mark.parametrize("seed", SEEDS)
def test_wind_is_low_and_gusty(seed: int) -> None:
    samples = wind(np.random.default_rng(seed), 10 * 32000)
    level_db = 10 * np.log10(np.mean(samples.reshape(100, -1) ** 2, axis=1))
    assert share_of_energy(samples, 0, 800) > 0.9
    assert np.percentile(level_db, 95) - np.percentile(level_db, 5) > 4


@pytest.mark.parametrize("seed", SEEDS)
def test_rain_is_broadband_with_drops(seed: int) -> None:
    samples = rain(np.random.default_rng(seed), 10 * 32000)
    assert min(share_of_energy(samples, f, f + 3000) for f in (500, 3500, 6500, 9500)) > 0.08
    assert np.mean(samples.astype(np.float64) ** 4) > 3.5  # 3 for noise without drops


@pytest.mark.parametrize("seed", SEEDS)
def test_insects_are_narrowband_and_continuous(seed: int) -> None:
    samples = insects(np.random.default_rng(seed), 10 * 32000)
    level_db = 10 * np.log10(np.mean(samples.reshape(50, -1) ** 2, axis=1))
    assert share_of_energy(samples, 2500, 12000) > 0.99
    assert level_db.max() - level_db.min() < 6
