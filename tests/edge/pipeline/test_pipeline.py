"""From samples to masks and events: the same result for blocks of any length, at any sample rate."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from birdedge.edge.audio.microphone import PIECE_S
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, LIGHT_MODEL
from birdedge.edge.pipeline.pipeline import Pipeline
from tests.support.pipelines import assert_same, at_rate, joined, segmented, sensitive

RATES_HZ = (16_000, 32_000, 44_100, 48_000)
BLOCKS = (17, 509, 4095, 4096, 4097, 65_536)
LENGTHS = (0, 1, 255, 256, 257, 511, 512, 513, 4095, 4096, 4097)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_masks_and_events_do_not_depend_on_the_block_length(
    sensitive_model: Model, calls: NDArray[np.float32], rate_hz: int
) -> None:
    samples = at_rate(calls, rate_hz)[: 5 * rate_hz]
    whole = segmented(sensitive_model, samples, rate_hz=rate_hz)
    assert len(whole.events) >= 3, "too few events for the comparison to mean anything"
    for block in BLOCKS:
        assert_same(segmented(sensitive_model, samples, block, rate_hz), whole)


@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
def test_masks_and_events_are_the_same_for_blocks_of_one_sample(
    sensitive_model: Model, calls: NDArray[np.float32], rate_hz: int
) -> None:
    samples = at_rate(calls, rate_hz)[:9000]
    whole = segmented(sensitive_model, samples, rate_hz=rate_hz)
    assert_same(segmented(sensitive_model, samples, 1, rate_hz), whole)


@pytest.mark.parametrize("length", LENGTHS)
def test_the_mask_has_as_many_frames_as_the_grid(
    sensitive_model: Model, calls: NDArray[np.float32], length: int
) -> None:
    output, grid = segmented(sensitive_model, calls[:length], 509), sensitive_model.card.grid
    assert output.mask.shape == output.level.shape == (grid.frames(length), grid.bins)
    assert output.mask.dtype == np.uint8


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("length", LENGTHS)
def test_the_mask_has_as_many_frames_as_the_resampled_audio(
    int8: Model, calls: NDArray[np.float32], length: int, rate_hz: int
) -> None:
    resampled = len(soxr.resample(np.zeros(length, np.float32), rate_hz, 32_000)) if length else 0
    assert len(segmented(int8, calls[:length], 509, rate_hz).mask) == int8.card.grid.frames(resampled)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
def test_masks_with_two_windows_per_frame_do_not_depend_on_the_block_length(
    calls: NDArray[np.float32], rate_hz: int
) -> None:
    model = sensitive(Model(LIGHT_MODEL))
    samples = at_rate(calls, rate_hz)[: 5 * rate_hz].copy()
    samples[rate_hz : rate_hz + 1000] = 0  # digital silence
    whole = segmented(model, samples, rate_hz=rate_hz)
    assert len(whole.events) >= 2, "too few events for the comparison to mean anything"
    assert len(whole.mask) == model.card.grid.frames(5 * 32_000)
    for block in BLOCKS:
        assert_same(segmented(model, samples, block, rate_hz), whole)


@pytest.mark.parametrize("name", [DEFAULT_MODEL, LIGHT_MODEL])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_tone_has_the_right_time_and_frequency_at_any_sample_rate(name: str, rate_hz: int) -> None:
    model = Model(name)
    # Compared by level, because audio at 16 kHz ends at 8 kHz, which the network sees.
    n = np.arange(2 * rate_hz)
    tone = np.where((n >= rate_hz) & (n < 1.2 * rate_hz), 0.1 * np.sin(2 * np.pi * 4000 * n / rate_hz), 0)
    level = segmented(model, tone.astype(np.float32), 4096, rate_hz).level
    grid = model.card.grid
    loudest_bin = level.max(axis=0).argmax()
    assert grid.low_hz + loudest_bin * grid.bin_hz == pytest.approx(4000, abs=grid.bin_hz / 2)
    loud = np.flatnonzero(level[:, loudest_bin] > level.max() - np.log(2))
    assert grid.first_frame_s + loud[0] * grid.hop_s == pytest.approx(1.0, abs=grid.hop_s)
    assert grid.first_frame_s + loud[-1] * grid.hop_s == pytest.approx(1.2, abs=grid.hop_s)


def test_channels_are_mixed_or_one_is_picked(int8: Model, calls: NDArray[np.float32]) -> None:
    both = np.stack([calls, np.zeros_like(calls)], axis=1)
    for channel, alone in ((None, calls * np.float32(0.5)), (0, calls), (1, np.zeros_like(calls))):
        pipeline = Pipeline(int8, 32_000, 2, channel)
        assert_same(joined([pipeline.push(both), pipeline.flush()]), segmented(int8, alone))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_live_stream_mostly_waits_for_one_call_of_the_network_per_push(
    int8: Model, calls: NDArray[np.float32], rate_hz: int
) -> None:
    samples, piece = at_rate(calls, rate_hz), round(PIECE_S * rate_hz)
    pipeline, at, frames = Pipeline(int8, rate_hz, 1), 0, []
    while at < len(samples):
        pieces = -(-pipeline.missing_samples // piece)
        frames.append(len(pipeline.push(samples[at : at + pieces * piece, np.newaxis]).mask))
        at += pieces * piece
    assert max(frames) == int8.card.chunk_frames
    assert frames.count(0) <= 2 + 0.2 * len(frames)  # a resampler returns more at one time than at another
