"""Pipelines on arrays, and comparisons of their output."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.models.model import Model
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.pipeline import Pipeline

Samples = NDArray[np.float32]  # [samples]
CALLS_RATE_HZ = 32_000  # sample rate of the fixture `calls`


def sensitive(model: Model) -> Model:
    """Lower the thresholds of a model, so that a few seconds hold many events."""
    low = dataclasses.replace(
        model.card.events, low_threshold=0.2, high_threshold=0.3, min_duration_s=0.0, min_score=0.0
    )
    model.card = dataclasses.replace(model.card, events=low)
    return model


def at_rate(samples: Samples, rate_hz: int) -> Samples:
    """Resample audio of `CALLS_RATE_HZ`."""
    if rate_hz == CALLS_RATE_HZ:
        return samples
    return np.asarray(soxr.resample(samples, CALLS_RATE_HZ, rate_hz), np.float32)


def pushed(pipeline: Pipeline, samples: Samples, block: int) -> list[PipelineOutput]:
    """Push samples in blocks of the given length."""
    return [pipeline.push(samples[at : at + block, np.newaxis]) for at in range(0, len(samples), block)]


def joined(outputs: Sequence[PipelineOutput]) -> PipelineOutput:
    """Return consecutive outputs as one, without denoised audio."""
    return PipelineOutput(
        np.concatenate([output.mask for output in outputs]),
        np.concatenate([output.level for output in outputs]),
        [event for output in outputs for event in output.events],
        rejected=[region for output in outputs for region in output.rejected],
    )


def segmented(
    model: Model, samples: Samples, block: int | None = None, rate_hz: int = CALLS_RATE_HZ
) -> PipelineOutput:
    """Return the output for a recording that is pushed in blocks; all at once if no length is given."""
    pipeline = Pipeline(model, rate_hz, 1)
    return joined([*pushed(pipeline, samples, block or max(1, len(samples))), pipeline.flush()])


def across_gap(pipeline: Pipeline, samples: int) -> PipelineOutput:
    """Skip lost samples, and return all frames of the gap at once."""
    output = pipeline.gap(samples)
    empty = output.empty_frames, pipeline.card.grid.bins
    level = np.full(empty, np.log(pipeline.card.grid.magnitude_floor), np.float32)
    return joined([output, PipelineOutput(np.zeros(empty, np.uint8), level, [])])


def denoised(outputs: Sequence[PipelineOutput]) -> Samples:
    """Return the denoised audio of consecutive outputs."""
    return np.concatenate([output.denoised.samples for output in outputs if output.denoised is not None])


def assert_same(one: PipelineOutput, other: PipelineOutput) -> None:
    """Require the same bits in masks, levels and events."""
    np.testing.assert_array_equal(one.mask, other.mask)
    np.testing.assert_array_equal(one.level, other.level)
    assert [_fields(event) for event in one.events] == [_fields(event) for event in other.events]
    for event, same in zip(one.events, other.events, strict=True):
        np.testing.assert_array_equal(event.mask, same.mask)


def _fields(event: Event) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(event) if field.name != "mask"]
    return {name: getattr(event, name) for name in names}
