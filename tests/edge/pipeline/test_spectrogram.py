"""The streaming spectrogram equals the spectrogram of the whole recording, and scipy's STFT."""

import numpy as np
import pytest
import scipy.signal

from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.spectrogram import Spectrogram

GRID = Grid()
GRIDS = GRID, Grid(hop=512, windows=2)
LENGTHS = [0, 1, 255, 256, 257, 511, 512, 513, 767, 768, 769, 5000]


def noise(samples, seed=1):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def frames_of(spectrogram, samples, block_samples):
    blocks = [spectrogram.push(samples[i : i + block_samples]) for i in range(0, len(samples), block_samples)]
    return np.concatenate([*blocks, spectrogram.flush()])


def tone(frequency_hz, samples=8192):
    return np.sin(2 * np.pi * frequency_hz * np.arange(samples) / GRID.sample_rate_hz).astype(np.float32)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("block_samples", [1, 17, 509, 255, 256, 257, 511, 512, 513])
def test_any_division_into_blocks_gives_the_same_bits(block_samples, grid):
    spectrogram = Spectrogram(grid)
    for samples in (*LENGTHS, 40_000):
        whole = noise(samples)
        reference = frames_of(Spectrogram(grid), whole, max(samples, 1))
        # The same object is used for every length: flush must leave nothing behind.
        np.testing.assert_array_equal(frames_of(spectrogram, whole, block_samples), reference)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("samples", LENGTHS)
def test_the_grid_predicts_the_number_of_frames(samples, grid):
    frames = frames_of(Spectrogram(grid), noise(samples), 509)
    assert frames.shape == (grid.frames(samples), 256)
    assert frames.dtype == np.float32


@pytest.mark.parametrize("grid", GRIDS)
def test_every_sample_is_in_a_frame_and_no_frame_is_empty(grid):
    for samples in range(1, 1600):
        frames = grid.frames(samples)
        covered = (frames - 1) * grid.hop + grid.span
        assert covered >= samples > covered - grid.span
        assert frames == 1 or samples > covered - grid.hop


def test_a_frame_of_two_windows_is_their_mean_power_between_their_centres():
    samples = noise(20 * 512)
    magnitude = np.exp(Spectrogram(GRID).push(samples).astype(np.float64)) - GRID.magnitude_floor
    expected = np.sqrt((magnitude[:-1:2] ** 2 + magnitude[1::2] ** 2) / 2)
    grid = GRIDS[1]
    found = np.exp(Spectrogram(grid).push(samples).astype(np.float64)) - grid.magnitude_floor
    np.testing.assert_allclose(found, expected[: len(found)], rtol=1e-5)
    assert len(found) == len(samples) // 512 - 1
    assert grid.first_frame_s == GRID.first_frame_s + GRID.hop_s / 2


def test_magnitudes_equal_those_of_scipy():
    samples = noise(20 * 512)
    _, _, reference = scipy.signal.stft(
        samples.astype(np.float64), window="hann", nperseg=512, noverlap=256, boundary=None, padded=False
    )
    expected = np.abs(reference.T[:, 1:]) * scipy.signal.get_window("hann", 512).sum()
    found = np.exp(Spectrogram(GRID).push(samples).astype(np.float64)) - GRID.magnitude_floor
    # The float32 rounding of a frame's largest bins limits the precision of the smallest.
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * expected.max())


@pytest.mark.parametrize("frequency_hz", [100, 440, 1000, 2020, 4000, 7777, 12_345, 15_000, 15_900])
def test_a_pure_tone_peaks_in_the_bin_nearest_to_it(frequency_hz):
    frames = Spectrogram(GRID).push(tone(frequency_hz))
    nearest = round((frequency_hz - GRID.low_hz) / GRID.bin_hz)
    assert set(frames.argmax(axis=1)) == {nearest}
    assert abs(GRID.low_hz + nearest * GRID.bin_hz - frequency_hz) <= GRID.bin_hz / 2


def test_a_full_scale_tone_at_a_bin_reaches_half_the_sum_of_the_window():
    frames = Spectrogram(GRID).push(tone(16 * GRID.bin_hz))
    np.testing.assert_allclose(frames[:, 15], np.log(128.0), atol=1e-4)


@pytest.mark.parametrize(("at_sample", "frames"), [(100, {0}), (256, {0}), (300, {0, 1}), (1000, {2, 3})])
def test_a_click_is_only_in_the_frames_that_cover_it(at_sample, frames):
    click = np.zeros(4096, np.float32)
    click[at_sample] = 1.0
    audible = Spectrogram(GRID).push(click).max(axis=1) > np.log(2 * GRID.magnitude_floor)
    assert set(np.flatnonzero(audible)) == frames


def test_a_click_is_loudest_in_the_frame_whose_centre_is_nearest():
    click = np.zeros(8192, np.float32)
    click[5 * 256 + 256 + 40] = 1.0
    assert Spectrogram(GRID).push(click)[:, 100].argmax() == 5
    assert GRID.first_frame_s + 5 * GRID.hop_s == pytest.approx((5 * 256 + 256) / 32_000)


def test_silence_is_at_the_magnitude_floor():
    frames = Spectrogram(GRID).push(np.zeros(1024, np.float32))
    np.testing.assert_allclose(frames, np.log(1e-5), rtol=1e-6)


def test_reset_starts_a_new_stream():
    spectrogram = Spectrogram(GRID)
    spectrogram.push(noise(700, seed=2))
    spectrogram.reset()
    assert len(spectrogram.flush()) == 0
    np.testing.assert_array_equal(spectrogram.push(noise(2000)), Spectrogram(GRID).push(noise(2000)))
