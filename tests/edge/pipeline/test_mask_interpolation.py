"""The mask at the windows of another sample rate equals numpy's interpolation, one axis at a time."""

from __future__ import annotations

import numpy as np
import pytest

from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.mask_interpolation import (
    MARGIN_FRAMES,
    binary_mask_near,
    centred_windows,
    frame_positions,
    hop_samples,
    interpolate,
)

GRID = Grid()
RATES_HZ = [8_000, 16_000, 32_000, 44_100, 48_000, 96_000]


@pytest.mark.parametrize(
    ("rate_hz", "hop"), [(8_000, 64), (32_000, 256), (44_100, 353), (96_000, 768), (1, 1)]
)
def test_a_hop_is_rounded_to_samples_and_is_at_least_1(rate_hz: int, hop: int) -> None:
    assert hop_samples(rate_hz, GRID) == hop


@pytest.mark.parametrize("samples", [0, 1, 63, 64, 65, 1000])
def test_window_n_is_centred_on_sample_n_times_the_hop(samples: int) -> None:
    audio = np.arange(1, samples + 1)
    windows = centred_windows(audio, 64)
    assert windows.shape == (-(-samples // 64) + 1, 128)
    padded = np.pad(audio, 128)
    for number, window in enumerate(windows):
        np.testing.assert_array_equal(window, padded[64 + 64 * number :][:128])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_positions_are_window_centres_in_frames(rate_hz: int) -> None:
    numbers = np.arange(50, 60)
    positions = frame_positions(numbers, rate_hz, GRID, first_frame_s=0.3)
    centres_s = numbers * hop_samples(rate_hz, GRID) / rate_hz
    np.testing.assert_allclose(0.3 + positions * GRID.hop_s, centres_s, rtol=1e-12)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_values_are_interpolated_linearly_and_are_0_outside(rate_hz: int) -> None:
    print("seed 2")
    draw = np.random.default_rng(2)
    plane = draw.random((20, GRID.bins)).astype(np.float32)
    positions = np.sort(draw.uniform(-2, 22, 40))
    hop = hop_samples(rate_hz, GRID)
    columns = (np.arange(hop + 1) * rate_hz / (2 * hop) - GRID.low_hz) / GRID.bin_hz
    in_time = np.stack([np.interp(positions, np.arange(20), bin_values) for bin_values in plane.T], axis=1)
    expected = np.stack([np.interp(columns, np.arange(GRID.bins), frame) for frame in in_time])
    expected[(positions <= -0.5) | (positions >= 19.5)] = 0
    expected[:, (columns <= -0.5) | (columns >= GRID.bins - 0.5)] = 0
    values = interpolate(plane, positions, rate_hz, GRID)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, atol=1e-6)


@pytest.mark.parametrize("at", [-40.0, -3.0, 0.0, 30.5, 99.0, 140.0])
def test_the_mask_near_positions_has_a_margin_and_the_same_values(at: float) -> None:
    print("seed 3")
    mask = np.random.default_rng(3).integers(0, 256, (100, 8)).astype(np.uint8)
    binary, positions = binary_mask_near(mask, np.array([at, at + 10.25]), 0.5)
    first = round(at - positions[0])
    np.testing.assert_array_equal(binary, mask[first : first + len(binary)] >= 128)
    assert positions[1] - positions[0] == 10.25
    assert first <= max(0, at - MARGIN_FRAMES + 1)
    assert first + len(binary) >= min(100, at + 10.25 + MARGIN_FRAMES - 1)
