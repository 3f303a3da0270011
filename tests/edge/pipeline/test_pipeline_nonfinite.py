"""Samples that are NaN, infinite or far too large spoil only their moment, not the stream."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from tests.support.pipelines import assert_same, at_rate, joined, pushed, segmented


@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinite_samples_are_counted_and_analysed_as_zero(
    sensitive_model: Model, calls: NDArray[np.float32], value: float, rate_hz: int
) -> None:
    samples = at_rate(calls, rate_hz).copy()
    samples[10_000:10_100] = value
    zeroed = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    pipeline = Pipeline(sensitive_model, rate_hz, 1)
    output = joined([*pushed(pipeline, samples, 4096), pipeline.flush()])
    assert pipeline.nonfinite_samples == 100
    assert pipeline.nonfinite_chunks == 0
    assert_same(output, segmented(sensitive_model, zeroed, 4096, rate_hz))


def test_a_stream_of_nan_has_frames_and_no_events(sensitive_model: Model) -> None:
    pipeline = Pipeline(sensitive_model, 48_000, 2)
    second = np.full((48_000, 2), np.nan, np.float32)
    output = joined([pipeline.push(second), pipeline.push(second), pipeline.flush()])
    assert pipeline.nonfinite_samples == 96_000
    assert len(output.mask) == sensitive_model.card.grid.frames(64_000)
    assert output.events == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
def test_a_sample_too_large_for_a_level_affects_only_a_few_chunks(
    sensitive_model: Model, calls: NDArray[np.float32], rate_hz: int
) -> None:
    samples = at_rate(calls, rate_hz).copy()
    samples[rate_hz] = 1e30
    pipeline = Pipeline(sensitive_model, rate_hz, 1)
    output = joined([*pushed(pipeline, samples, 4096), pipeline.flush()])
    assert 1 <= pipeline.nonfinite_chunks <= 3
    # Network and noise floor are reset, so that later masks are similar, not equal.
    untouched = segmented(sensitive_model, at_rate(calls, rate_hz), 4096, rate_hz)
    late = slice(round(5 / sensitive_model.card.grid.hop_s), None)
    assert np.corrcoef(output.mask[late].ravel(), untouched.mask[late].ravel())[0, 1] > 0.7
