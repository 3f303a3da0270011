"""Painted shapes have exact gaps and margins, and energy masks find the calls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.data.labels import Bool, Paint, close_gaps, focal_mask, isolated_mask, paint
from birdedge.train.data.stft import magnitude

NO_MARGIN = Paint(margin_frames=0, margin_bins=0)


def drawn(*boxes: tuple[int, int, int, int]) -> Bool:
    """A mask with filled boxes: first frame, frames, lowest bin, bins."""
    mask = np.zeros((60, 64), bool)
    for first, length, low, width in boxes:
        mask[first : first + length, low : low + width] = True
    return mask


def iou(found: Bool, truth: Bool) -> float:
    return float(np.count_nonzero(found & truth) / np.count_nonzero(found | truth))


@pytest.mark.parametrize("gap", range(9))
@pytest.mark.parametrize("axis", [0, 1])
def test_closing_gaps_equals_the_binary_closing_of_scipy(gap: int, axis: int) -> None:
    rng = np.random.default_rng(gap)
    line = np.ones((gap + 1, 1) if axis == 0 else (1, gap + 1), bool)
    for share in (0.02, 0.1, 0.4):
        mask = rng.random((40, 50)) < share
        # scipy does not grow the mask past its edges, so leave a margin.
        expected = ndimage.binary_closing(np.pad(mask, gap + 1), line)[gap + 1 : -gap - 1, gap + 1 : -gap - 1]
        np.testing.assert_array_equal(close_gaps(mask, gap, axis), expected)


@pytest.mark.parametrize(("gap", "filled"), [(1, True), (6, True), (7, False)])
def test_gaps_in_time_are_filled_up_to_the_limit_and_not_beyond(gap: int, filled: bool) -> None:
    painted = paint(drawn((10, 5, 20, 4), (15 + gap, 5, 20, 4)), NO_MARGIN)
    expected = drawn((10, 10 + gap, 20, 4)) if filled else drawn((10, 5, 20, 4), (15 + gap, 5, 20, 4))
    np.testing.assert_array_equal(painted, expected)


@pytest.mark.parametrize(("gap", "filled"), [(1, True), (5, True), (6, False)])
def test_gaps_in_frequency_are_filled_up_to_the_limit_and_not_beyond(gap: int, filled: bool) -> None:
    painted = paint(drawn((10, 5, 20, 4), (10, 5, 24 + gap, 4)), NO_MARGIN)
    expected = drawn((10, 5, 20, 8 + gap)) if filled else drawn((10, 5, 20, 4), (10, 5, 24 + gap, 4))
    np.testing.assert_array_equal(painted, expected)


def test_notes_that_are_close_only_at_a_corner_stay_separate() -> None:
    notes = drawn((10, 5, 20, 4), (17, 5, 26, 4))
    np.testing.assert_array_equal(paint(notes, NO_MARGIN), notes)


def test_the_margin_is_two_frames_and_one_bin_wide_with_rounded_corners() -> None:
    painted = paint(drawn((20, 5, 30, 4)))
    np.testing.assert_array_equal(painted, drawn((18, 9, 30, 4)) | drawn((19, 7, 29, 6)))


def test_a_shape_at_the_edge_is_painted_to_the_edge() -> None:
    painted = paint(drawn((0, 5, 0, 4), (55, 5, 60, 4)))
    np.testing.assert_array_equal(painted, drawn((0, 7, 0, 4), (0, 6, 0, 5), (53, 7, 60, 4), (54, 6, 59, 5)))


def test_an_empty_mask_stays_empty() -> None:
    assert not paint(drawn()).any()


def test_painting_only_adds_bins() -> None:
    tight = np.random.default_rng(1).random((60, 64)) < 0.05
    assert paint(tight)[tight].all()


@pytest.mark.parametrize("seed", range(4))
def test_an_isolated_call_is_found_over_the_dither_of_its_file(seed: int) -> None:
    scene = soundscape(4.0, seed, 15, (25.0, 25.0), wind_db=None, rain_db=None, insects_db=None)
    dither = np.random.default_rng(seed).uniform(-0.5, 0.5, len(scene.samples)) / 32768
    found = isolated_mask(magnitude((scene.calls_alone + dither).astype(np.float32)))
    truth = isolated_mask(magnitude(scene.calls_alone))
    assert truth.sum() > 100
    assert iou(found, truth) > 0.99
    # The generator's truth reaches 30 dB below the peak, this mask 35 dB.
    assert iou(paint(found), paint(scene.mask)) > 0.6
    assert found[scene.mask].mean() > 0.95


@pytest.mark.parametrize("seed", range(4))
def test_loud_calls_are_found_in_the_noise_they_were_recorded_with(seed: int) -> None:
    scene = soundscape(12.0, seed, 20, (28.0, 32.0), wind_db=None, insects_db=None)
    tight, doubtful = focal_mask(magnitude(scene.samples))
    assert not (tight & doubtful).any()
    # The generator's truth ends 30 dB below the peak, this mask 38 dB.
    assert iou(paint(tight), paint(scene.mask)) > 0.4
    assert tight[scene.mask].mean() > 0.95
    assert (tight | doubtful)[scene.mask].mean() > 0.99


def test_noise_alone_is_not_a_call() -> None:
    hiss = np.random.default_rng(1).standard_normal(32_000 * 8).astype(np.float32) * 0.01
    tight, _ = focal_mask(magnitude(hiss))
    assert not tight.any()
