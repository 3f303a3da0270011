"""Placed calls fit the soundscape, do not overlap, and get the gain of their signal-to-noise ratio."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from birdedge.edge.grid import Grid
from birdedge.edge.synthesis.placement import call_gains, place_calls, power_spectrogram, sum_calls

GRID = Grid()
N = 20 * 32000


@pytest.mark.parametrize("seed", range(3))
def test_calls_are_within_the_soundscape_and_apart_in_time_or_frequency(seed: int) -> None:
    placed = place_calls(np.random.default_rng(seed), N, 40, (6.0, 25.0), GRID)
    assert 5 < len(placed) <= 40
    occupied = np.zeros((GRID.frames(N), GRID.bins), bool)
    for p in placed:
        assert 0 <= p.start_sample <= N - len(p.call.samples)
        assert 6.0 <= p.snr_db <= 25.0
        assert not (occupied[p.frames] & p.region).any()
        occupied[p.frames] |= p.region
    for a, b in combinations(placed, 2):
        gap_frames = max(a.frames.start - b.frames.stop, b.frames.start - a.frames.stop)
        (a_low, a_high), (b_low, b_high) = (np.flatnonzero(p.region.any(0))[[0, -1]] for p in (a, b))
        assert gap_frames > 15 or max(a_low - b_high, b_low - a_high) > 4


def test_a_soundscape_shorter_than_any_call_has_none() -> None:
    assert place_calls(np.random.default_rng(0), 100, 5, (6.0, 25.0), GRID) == []


def test_the_power_of_a_placed_call_equals_that_of_the_call_alone() -> None:
    (placed,) = place_calls(np.random.default_rng(1), N, 1, (6.0, 6.0), GRID)
    alone = power_spectrogram(sum_calls([placed], np.ones(1), N), GRID)
    np.testing.assert_allclose(placed.power, alone[placed.frames], rtol=1e-9, atol=1e-9)


def test_the_gain_gives_the_power_ratio_in_the_region_of_the_call() -> None:
    placed = place_calls(np.random.default_rng(2), N, 5, (12.0, 12.0), GRID)
    noise_power = np.full((GRID.frames(N), GRID.bins), 0.25)
    for p, gain in zip(placed, call_gains(placed, noise_power, GRID), strict=True):
        assert 10 * np.log10(gain**2 * p.power[p.region].mean() / 0.25) == pytest.approx(12.0)
