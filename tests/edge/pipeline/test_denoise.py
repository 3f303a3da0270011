"""The bird alone of a stream is that of the whole recording, however sound and mask arrive."""

from __future__ import annotations

import numpy as np
import pytest

from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.denoise import Denoiser, denoise

GRID = Grid()


@pytest.mark.parametrize("rate_hz", [8_000, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("first_frame_s", [None, -0.4, 0.3])
@pytest.mark.parametrize("longest", [300, 9_000, 200_000])
def test_any_division_of_sound_and_mask_gives_the_same_bits(
    rate_hz: int, first_frame_s: float | None, longest: int
) -> None:
    print("seed 6")
    draw = np.random.default_rng(6)
    sound = draw.normal(0, 0.1, (int(2.3 * rate_hz), 2)).astype(np.float32)
    mask = np.where(draw.random((290, GRID.bins)) > 0.7, 200, 0).astype(np.uint8)
    mask[100:150] = 0
    whole = denoise(sound, rate_hz, mask, GRID, first_frame_s)
    stream, pieces = Denoiser(rate_hz, 2, GRID, first_frame_s), []
    samples = frames = 0
    while samples < len(sound) or frames < len(mask):
        more, more_frames = int(draw.integers(0, longest)), int(draw.integers(0, 40))
        pieces.append(stream.push(sound[samples : samples + more], mask[frames : frames + more_frames]))
        samples, frames = samples + more, frames + more_frames
    pieces.append(stream.flush())
    assert np.abs(whole).max() > 0.01
    assert np.array_equal(np.concatenate(pieces), whole)


def test_the_sound_comes_as_soon_as_its_mask_is_known() -> None:
    stream = Denoiser(32_000, 1, GRID)
    mask = np.zeros((32, GRID.bins), np.uint8)
    came = [len(stream.push(np.zeros((8_192, 1), np.float32), mask)) for _ in range(10)]
    late = 8_192 * np.arange(1, 11) - np.cumsum(came)
    assert 0 < late.min() <= late.max() <= 7 * GRID.hop


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 1000])
def test_a_stream_that_ends_before_its_mask_is_known_keeps_its_length(length: int) -> None:
    stream = Denoiser(32_000, 1, GRID)
    sound = np.ones((length, 1), np.float32)
    first = stream.push(sound, np.zeros((0, GRID.bins), np.uint8))
    assert len(first) + len(stream.flush()) == length


def test_what_is_no_number_is_silence() -> None:
    sound = np.full((3_200, 1), np.nan, np.float32)
    sound[100] = np.inf
    stream = Denoiser(32_000, 1, GRID)
    stream.push(sound, np.full((13, GRID.bins), 255, np.uint8))
    assert not stream.flush().any()
