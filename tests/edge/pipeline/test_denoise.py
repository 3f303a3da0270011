"""Denoising passes the audio inside the mask, and gives the same bits however the stream is divided."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.grid import Grid
from birdedge.edge.pipeline.denoise import Denoiser, denoise

GRID = Grid()


def noise(seconds: float) -> NDArray[np.float32]:
    """Return one channel of white noise at 32 kHz."""
    print("seed 3")
    return np.random.default_rng(3).uniform(-1, 1, (round(32_000 * seconds), 1)).astype(np.float32)


def plainly_smoothed(shape: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the smoothed mask by a slow reference: a sum over all shifts in time and frequency."""
    weights = np.exp(-0.5 * np.arange(-3, 4) ** 2)
    weights /= weights.sum()
    padded = np.pad(shape.astype(float), 3, mode="symmetric")
    rows, columns = shape.shape
    smoothed: NDArray[np.float64] = sum(
        weights[i] * weights[j] * padded[i : i + rows, j : j + columns] for i in range(7) for j in range(7)
    )
    return smoothed


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 32_000, 44_100, 48_000, 96_000])
def test_tones_inside_the_mask_pass_and_others_do_not_at_any_rate(rate_hz: int) -> None:
    t = np.arange(2 * rate_hz) / rate_hz
    tones_hz = {2500: True, 1000: False, 3600: False}
    audio = sum(0.2 * np.sin(2 * np.pi * hz * t) for hz in tones_hz)
    both = np.stack([audio, -0.5 * audio], axis=1).astype(np.float32)
    mask = np.zeros((250, GRID.bins), np.uint8)
    mask[100:200, 32:48] = 255  # 0.8 to 1.6 s, 2062 to 3062 Hz
    alone = denoise(both, rate_hz, mask, GRID)
    assert alone.shape == both.shape
    np.testing.assert_allclose(alone[:, 1], -0.5 * alone[:, 0], atol=1e-6)
    middle = alone[rate_hz : rate_hz + rate_hz // 2, 0]
    level = np.abs(np.fft.rfft(middle)) / (len(middle) / 2)  # 2 Hz per bin
    assert {hz: level[hz // 2] > 0.199 for hz in tones_hz} == tones_hz
    assert max(level[500], level[1800]) < 0.2 * 10 ** (-60 / 20)
    assert np.abs(alone[: round(0.7 * rate_hz)]).max() == 0
    assert np.abs(alone[round(1.7 * rate_hz) :]).max() == 0


def test_a_full_mask_passes_the_audio_and_an_empty_mask_gives_silence() -> None:
    audio = noise(3)
    audio -= audio.mean()
    frames = GRID.frames(len(audio))
    full = denoise(audio, 32_000, np.full((frames, 256), 255, np.uint8), GRID)
    inner = slice(1024, -1024)  # the first half frame has no mask
    error = full[inner] - audio[inner]
    assert np.sqrt((error**2).mean()) < 0.06 * np.sqrt((audio**2).mean())  # the mask has no bin 0
    assert not denoise(audio, 32_000, np.zeros((frames, 256), np.uint8), GRID).any()
    assert not denoise(audio, 32_000, np.zeros((0, 256), np.uint8), GRID).any()


def test_the_mask_applies_from_its_first_frame() -> None:
    audio = noise(2)
    mask = np.zeros((250, 256), np.uint8)
    mask[100:110] = 255
    early, late = (
        denoise(audio, 32_000, mask, GRID),
        denoise(audio, 32_000, mask, GRID, 0.5 + GRID.first_frame_s),
    )
    first = [int(np.nonzero(a)[0].min()) for a in (early, late)]
    assert abs(first[1] - first[0] - 16_000) <= 128  # half a hop


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 131_071, 131_072, 131_073])
def test_denoising_equals_a_plain_overlap_add(length: int) -> None:
    audio = noise(5)[:length]
    print("seed 4")
    mask = np.random.default_rng(4).integers(0, 256, (700, 256)).astype(np.uint8)
    # With frame t centred on sample 256 t, no interpolation between frames is needed.
    alone = denoise(audio, 32_000, mask, GRID, first_frame_s=0.0)
    assert alone.shape == audio.shape
    smooth = plainly_smoothed(mask >= 128)
    padded = np.pad(audio[:, 0], 1024)
    expected = np.zeros(len(padded))
    hann = np.hanning(513)[:512]
    for frame in range(length // 256 + 2):
        at = slice(768 + 256 * frame, 1280 + 256 * frame)
        if at.stop > len(padded):
            break
        spectrum = np.fft.rfft(padded[at] * hann)
        spectrum[1:] *= smooth[frame]
        spectrum[0] = 0
        expected[at] += np.fft.irfft(spectrum)
    np.testing.assert_allclose(alone[:, 0], expected[1024 : 1024 + length], atol=2e-5)


@pytest.mark.parametrize("rate_hz", [8_000, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("first_frame_s", [None, -0.4, 0.3])
@pytest.mark.parametrize("longest", [300, 9_000, 200_000])
def test_any_division_of_audio_and_mask_gives_the_same_bits(
    rate_hz: int, first_frame_s: float | None, longest: int
) -> None:
    print("seed 6")
    draw = np.random.default_rng(6)
    audio = draw.normal(0, 0.1, (int(2.3 * rate_hz), 2)).astype(np.float32)
    mask = np.where(draw.random((290, GRID.bins)) > 0.7, 200, 0).astype(np.uint8)
    mask[100:150] = 0
    whole = denoise(audio, rate_hz, mask, GRID, first_frame_s)
    stream, pieces = Denoiser(rate_hz, 2, GRID, first_frame_s), []
    samples = frames = 0
    while samples < len(audio) or frames < len(mask):
        more, more_frames = int(draw.integers(0, longest)), int(draw.integers(0, 40))
        pieces.append(stream.push(audio[samples : samples + more], mask[frames : frames + more_frames]))
        samples, frames = samples + more, frames + more_frames
    pieces.append(stream.flush())
    assert np.abs(whole).max() > 0.01
    assert np.array_equal(np.concatenate(pieces), whole)


def test_audio_comes_out_as_soon_as_its_mask_is_known() -> None:
    stream = Denoiser(32_000, 1, GRID)
    mask = np.zeros((32, GRID.bins), np.uint8)
    came = [len(stream.push(np.zeros((8_192, 1), np.float32), mask)) for _ in range(10)]
    late = 8_192 * np.arange(1, 11) - np.cumsum(came)
    assert 0 < late.min() <= late.max() <= 7 * GRID.hop


@pytest.mark.parametrize("length", [0, 1, 255, 256, 257, 1000])
def test_a_stream_that_ends_before_its_mask_is_known_keeps_its_length(length: int) -> None:
    stream = Denoiser(32_000, 1, GRID)
    audio = np.ones((length, 1), np.float32)
    first = stream.push(audio, np.zeros((0, GRID.bins), np.uint8))
    assert len(first) + len(stream.flush()) == length


def test_nan_and_infinity_become_silence() -> None:
    audio = np.full((3_200, 1), np.nan, np.float32)
    audio[100] = np.inf
    stream = Denoiser(32_000, 1, GRID)
    stream.push(audio, np.full((13, GRID.bins), 255, np.uint8))
    assert not stream.flush().any()
