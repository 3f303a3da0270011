"""Time is counted through gaps: frames stay on the grid, and no event spans a gap."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.errors import SettingsError
from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from tests.support.pipelines import across_gap, at_rate, joined, pushed, segmented


def test_the_frames_of_a_gap_of_days_are_counted_and_not_created(int8: Model) -> None:
    output = Pipeline(int8, 48_000, 1).gap(48_000 * 72 * 3600)
    assert (len(output.mask), output.empty_frames) == (0, round(72 * 3600 / int8.card.grid.hop_s))
    assert output.events == []


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
@pytest.mark.parametrize("gap", [1, 100, 255, 256, 257, 40_000])
def test_a_gap_keeps_the_frames_on_the_grid_and_no_event_spans_it(
    int8: Model, calls: NDArray[np.float32], gap: int, rate_hz: int
) -> None:
    samples, at = at_rate(calls, rate_hz), 3 * rate_hz + 77
    pipeline = Pipeline(int8, rate_hz, 1)
    before = pushed(pipeline, samples[:at], 4096)
    across = across_gap(pipeline, gap)
    after = [*pushed(pipeline, samples[at + gap :], 4096), pipeline.flush()]
    output = joined([*before, across, *after])
    assert pipeline.heard_samples + pipeline.lost_samples == len(samples)
    assert output.mask.shape == output.level.shape
    # After resampling, the two parts may have one sample, and thus one frame, more than the whole.
    longer = len(output.mask) - len(segmented(int8, samples, 4096, rate_hz).mask)
    assert longer in ((0,) if rate_hz == 32_000 else (0, 1))
    grid = int8.card.grid
    lost_s = at / rate_hz, (at + gap) / rate_hz
    for event in output.events:
        first_s, last_s = event.first_frame * grid.hop_s, (event.first_frame + len(event.mask)) * grid.hop_s
        assert last_s <= lost_s[0] + grid.hop_s or first_s >= lost_s[1] - grid.hop_s
    # Each event is at its place in the mask of the stream.
    for event in output.events:
        rows = slice(event.first_frame, event.first_frame + len(event.mask))
        columns = slice(event.first_bin, event.first_bin + event.mask.shape[1])
        inside = event.mask > 0
        np.testing.assert_array_equal(output.mask[rows, columns][inside], event.mask[inside])
    # Before the gap, the output equals that of a stream that ends there.
    ended = segmented(int8, samples[:at], 4096, rate_hz)
    np.testing.assert_array_equal(output.mask[: len(ended.mask)], ended.mask)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
@pytest.mark.parametrize("gap", [1, 1000, 40_000])
def test_audio_after_a_gap_has_the_same_time_as_without_a_gap(int8: Model, gap: int, rate_hz: int) -> None:
    click = np.zeros(3 * rate_hz, np.float32)
    click[2 * rate_hz] = 0.9
    pipeline = Pipeline(int8, rate_hz, 1)
    outputs = [*pushed(pipeline, click[: rate_hz // 2], 509), across_gap(pipeline, gap)]
    outputs += [*pushed(pipeline, click[rate_hz // 2 + gap :], 509), pipeline.flush()]
    frame = joined(outputs).level.sum(axis=1).argmax()
    grid = int8.card.grid
    assert grid.first_frame_s + frame * grid.hop_s == pytest.approx(2.0, abs=grid.hop_s)


@pytest.mark.parametrize("gap", [1, 300, 5000])
def test_a_gap_at_the_start_is_silence(int8: Model, calls: NDArray[np.float32], gap: int) -> None:
    pipeline = Pipeline(int8, 32_000, 1)
    across = across_gap(pipeline, gap)
    hop = int8.card.grid.hop
    first_frame = -(-gap // hop)
    assert across.events == []
    assert (across.mask == 0).all()
    assert len(across.mask) == first_frame
    output = joined([pipeline.push(calls[:, np.newaxis]), pipeline.flush()])
    alone = segmented(int8, calls[first_frame * hop - gap :], 4096)
    np.testing.assert_array_equal(output.mask, alone.mask)
    np.testing.assert_array_equal(output.level, alone.level)
    assert [e.first_frame for e in output.events] == [e.first_frame + first_frame for e in alone.events]


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
def test_many_gaps_of_any_length_keep_the_frames_on_the_grid(
    int8: Model, calls: NDArray[np.float32], rate_hz: int
) -> None:
    rng = np.random.default_rng(11)
    samples = at_rate(calls, rate_hz)
    pipeline, outputs, at = Pipeline(int8, rate_hz, 1), [], 0
    while at < len(samples):
        heard, lost = int(rng.integers(0, 9000)), int(rng.choice([0, 1, 2, 255, 256, 700, 3000]))
        outputs.append(pipeline.push(samples[at : at + heard, np.newaxis]))
        at = min(len(samples), at + heard)
        lost = min(lost, len(samples) - at)
        if lost:
            outputs.append(across_gap(pipeline, lost))
            at += lost
    output = joined([*outputs, pipeline.flush()])
    assert pipeline.heard_samples + pipeline.lost_samples == len(samples)
    assert abs(len(output.mask) - int8.card.grid.frames(len(calls))) <= 1
    for event in output.events:
        assert 0 <= event.first_frame < event.first_frame + len(event.mask) <= len(output.mask)


def test_a_thousand_gaps_of_one_sample_do_not_shift_time(int8: Model) -> None:
    pipeline, frames = Pipeline(int8, 32_000, 1), 0
    silence = np.zeros((31, 1), np.float32)
    for _ in range(1000):
        frames += len(pipeline.push(silence).mask) + len(across_gap(pipeline, 1).mask)
    frames += len(pipeline.flush().mask)
    assert (pipeline.heard_samples, pipeline.lost_samples, pipeline.gaps) == (31_000, 1000, 1000)
    assert frames == -(-32_000 // int8.card.grid.hop)


def test_a_new_model_applies_its_own_thresholds(int8: Model, calls: NDArray[np.float32]) -> None:
    strict, half = Model("birdedge-int8"), len(calls) // 2
    none = dataclasses.replace(strict.card.events, min_duration_s=29.0)
    strict.card = dataclasses.replace(strict.card, events=none)

    def events_of_the_second_half(first: Model, second: Model) -> list[Event]:
        pipeline = Pipeline(first, 32_000, 1)
        pushed(pipeline, calls[:half], 4096)
        pipeline.change(second)
        ended = pipeline.push(calls[half : half + 1, np.newaxis])
        outputs = [*pushed(pipeline, calls[half + 1 :], 4096), pipeline.flush()]
        assert ended.mask.any()
        return joined(outputs).events

    assert events_of_the_second_half(strict, int8)
    assert events_of_the_second_half(int8, strict) == []


def test_a_model_with_another_grid_is_refused(int8: Model) -> None:
    other = Model("birdedge-int8")
    other.card = dataclasses.replace(other.card, grid=Grid(hop=128))
    with pytest.raises(SettingsError, match="has a different grid"):
        Pipeline(int8, 32_000, 1).change(other)
