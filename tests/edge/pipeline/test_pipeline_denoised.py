"""The denoised audio of a stream equals that of the whole recording, and keeps its time through gaps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.denoise import denoise
from birdedge.edge.pipeline.pipeline import Pipeline
from tests.support.pipelines import at_rate, denoised, pushed


@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
@pytest.mark.parametrize("block", [509, 4096, 65_536])
def test_the_denoised_audio_of_a_stream_equals_that_of_the_whole_recording(
    int8: Model, calls: NDArray[np.float32], rate_hz: int, block: int
) -> None:
    samples = at_rate(calls, rate_hz)
    pipeline = Pipeline(int8, rate_hz, 1, denoised=True)
    outputs = [*pushed(pipeline, samples, block), pipeline.flush()]
    mask = np.concatenate([output.mask for output in outputs])
    card = int8.card
    whole = denoise(samples[:, np.newaxis], rate_hz, mask, card.grid, threshold=card.threshold)
    assert np.abs(whole).max() > 0.01
    np.testing.assert_array_equal(denoised(outputs), whole)
    assert {output.denoised.sample_rate_hz for output in outputs} == {rate_hz}


@pytest.mark.parametrize("gap", [1, 300, 40_000])
def test_denoised_audio_keeps_its_time_across_a_gap_and_counts_lost_samples(
    int8: Model, calls: NDArray[np.float32], gap: int
) -> None:
    pipeline, at = Pipeline(int8, 32_000, 1, denoised=True), 100_077
    before = pushed(pipeline, calls[:at], 4096)
    across = pipeline.gap(gap)
    after = [*pushed(pipeline, calls[at + gap :], 4096), pipeline.flush()]
    lost_samples = [output.denoised.lost_samples for output in [*before, across, *after]]
    assert lost_samples == [*[0] * len(before), gap, *[0] * len(after)]
    card = int8.card
    mask_before = np.concatenate([output.mask for output in [*before, across]])
    mask_after = np.concatenate([output.mask for output in after])
    frames = sum(len(o.mask) for o in [*before, across]) + across.empty_frames
    first_frame_s = card.grid.first_frame_s + frames * card.grid.hop_s
    first_s = first_frame_s - (at + gap) / 32_000
    samples = calls[:, np.newaxis]
    np.testing.assert_array_equal(
        denoised([*before, across]),
        denoise(samples[:at], 32_000, mask_before, card.grid, threshold=card.threshold),
    )
    np.testing.assert_array_equal(
        denoised(after),
        denoise(samples[at + gap :], 32_000, mask_after, card.grid, first_s, card.threshold),
    )


def test_the_denoised_audio_continues_after_a_change_of_model(
    int8: Model, calls: NDArray[np.float32]
) -> None:
    pipeline = Pipeline(int8, 32_000, 1, denoised=True)
    outputs = list(pushed(pipeline, calls[:100_077], 4096))
    pipeline.change(Model("birdedge-fp32"))
    outputs += [*pushed(pipeline, calls[100_077:], 4096), pipeline.flush()]
    assert {output.denoised.lost_samples for output in outputs} == {0}
    assert len(denoised(outputs)) == len(calls)
    assert np.abs(denoised(outputs)[110_000:]).max() > 0.01
