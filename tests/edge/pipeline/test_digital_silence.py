"""Runs of equal samples are found for any block size, and hide no call."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.grid import Grid
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.digital_silence import DigitalSilence
from birdedge.edge.pipeline.pipeline import Pipeline
from tests.support.pipelines import across_gap, assert_same, at_rate, joined, pushed, segmented

RATE_HZ = 32_000
GRID = Grid()
Samples = NDArray[np.float32]


def noise(samples: int, seed: int = 3) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.01, samples).astype(np.float32)


def judged(
    samples: Samples, rate_hz: int = RATE_HZ, block: int | None = None, grid: Grid = GRID
) -> tuple[NDArray[np.bool_], int]:
    """Return which frames are silent, and the number of samples of digital silence."""
    silence, flags = DigitalSilence(rate_hz, grid), []
    decided = 0
    for at in range(0, len(samples), block or len(samples)):
        piece = samples[at : at + (block or len(samples))]
        silence.push(piece)
        resampled = (at + len(piece)) * grid.sample_rate_hz // rate_hz
        whole_frames = max(0, (resampled - grid.span) // grid.hop + 1)
        flags.append(silence.judge(whole_frames - decided))
        decided += len(flags[-1])
    return np.concatenate(
        [*flags, silence.judge(grid.frames(resampled) - decided, is_end=True)]
    ), silence.samples


@pytest.mark.parametrize("value", [0.0, -0.0, 0.25, -1.0, 1e-9])
@pytest.mark.parametrize(("windows", "hop", "span"), [(1, 256, 512), (2, 512, 768)])
def test_a_run_of_any_constant_value_is_silence(value: float, windows: int, hop: int, span: int) -> None:
    samples = noise(RATE_HZ)
    samples[8000:16_000] = value
    silent, count = judged(samples, grid=Grid(hop=hop, windows=windows))
    assert count == 8000
    # 32 samples of a frame must be in the run.
    expected = [min(hop * t + span, 16_000) - max(hop * t, 8000) >= 32 for t in range(len(silent))]
    assert silent.tolist() == expected


@pytest.mark.parametrize(("run", "is_silence"), [(255, False), (256, True), (257, True)])
def test_a_run_of_8_ms_is_silence(run: int, is_silence: bool) -> None:
    samples = noise(4096)
    samples[2000 : 2000 + run] = 0
    silent, count = judged(samples)
    assert count == run * is_silence
    assert silent.any() == is_silence


def test_dither_is_sound() -> None:
    dither = np.random.default_rng(1).integers(-1, 2, 10 * RATE_HZ) / np.float32(32_768)
    silent, count = judged(dither.astype(np.float32))
    assert count == 0
    assert not silent.any()


@pytest.mark.parametrize("rate_hz", [8_000, 32_000, 44_100, 192_000])
@pytest.mark.parametrize("block", [1, 17, 255, 256, 4096])
def test_frames_are_judged_the_same_for_any_blocks(rate_hz: int, block: int) -> None:
    samples, generator = noise(2 * rate_hz), np.random.default_rng(block)
    for at in generator.integers(0, 2 * rate_hz, 30):
        samples[at : at + generator.integers(1, rate_hz // 20)] = generator.integers(-1, 2)
    whole, count = judged(samples, rate_hz)
    parts, parts_count = judged(samples, rate_hz, block)
    assert whole.any()
    assert not whole.all()
    np.testing.assert_array_equal(parts, whole)
    assert parts_count == count


def test_sound_without_constant_runs_is_judged_at_once() -> None:
    silence, samples = DigitalSilence(RATE_HZ, Grid()), noise(512)
    silence.push(samples)
    assert len(silence.judge(1)) == 1


def found(output: list[Event], expected: list[Event]) -> int:
    """Count the expected events that are found: an event overlaps half of their time, and their frequency band."""
    return sum(
        any(
            min(one.offset_s, event.offset_s) - max(one.onset_s, event.onset_s) > 0.5 * event.duration_s
            and min(one.high_hz, event.high_hz) > max(one.low_hz, event.low_hz)
            for one in output
        )
        for event in expected
    )


@pytest.mark.parametrize("pad_s", [0.05, 0.25, 1.0])
@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
def test_a_triggered_recording_keeps_its_events(
    int8: Model, calls: Samples, pad_s: float, rate_hz: int
) -> None:
    samples = at_rate(calls, rate_hz)
    expected = segmented(int8, samples, rate_hz=rate_hz).events
    kept = np.zeros(len(samples), np.bool_)
    for event in expected:
        kept[int(max(0.0, event.onset_s - pad_s) * rate_hz) : int((event.offset_s + pad_s) * rate_hz)] = True
    assert len(expected) >= 5
    assert found(segmented(int8, samples * kept, rate_hz=rate_hz).events, expected) == len(expected)


def test_dropouts_hide_no_event(int8: Model, calls: Samples) -> None:
    expected = segmented(int8, calls).events
    holes = np.where(np.arange(len(calls)) % RATE_HZ < RATE_HZ // 20, np.float32(0), calls)
    assert found(segmented(int8, holes).events, expected) == len(expected)


@pytest.mark.parametrize("silent_frames", [64, 128, 1024])
def test_leading_zeros_do_not_change_the_events_that_follow(
    int8: Model, calls: Samples, silent_frames: int
) -> None:
    late = np.concatenate([np.zeros(int8.card.grid.hop * silent_frames, np.float32), calls])
    alone, output = segmented(int8, calls), segmented(int8, late)
    assert not output.mask[: silent_frames - 2].any()
    assert found_at(output.events, silent_frames) == found_at(alone.events, 0)


def found_at(events: list[Event], shift: int) -> list[tuple[int, int]]:
    return [(event.first_frame - shift, event.first_bin) for event in events]


def test_zeros_in_noise_are_not_an_event(int8: Model) -> None:
    """Wind is loud at low frequencies, so each edge would be a click."""
    wind = np.cumsum(noise(20 * RATE_HZ)) * np.float32(0.02)
    wind -= np.convolve(wind, np.ones(400) / 400, "same").astype(np.float32)
    silent = np.where(np.arange(len(wind)) % 16_000 < 4800, np.float32(0), wind.astype(np.float32))
    assert len(segmented(int8, silent).events) <= len(segmented(int8, wind.astype(np.float32)).events)


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
@pytest.mark.parametrize("block", [17, 509, 4096])
def test_any_block_size_gives_the_same_bits(int8: Model, calls: Samples, rate_hz: int, block: int) -> None:
    samples = at_rate(calls, rate_hz)[: 4 * rate_hz].copy()
    samples[np.arange(len(samples)) % 11_111 < 2000] = 0.125
    assert_same(segmented(int8, samples, block, rate_hz), segmented(int8, samples, None, rate_hz))


def test_silence_is_counted_across_a_gap_and_a_new_form_of_the_network(int8: Model) -> None:
    pipeline = Pipeline(int8, RATE_HZ, 1)
    outputs = pushed(pipeline, np.zeros(RATE_HZ, np.float32), 1000)
    outputs.append(across_gap(pipeline, 5000))
    outputs += pushed(pipeline, np.zeros(RATE_HZ, np.float32), 1000)
    pipeline.change(int8)
    outputs += [*pushed(pipeline, np.zeros(RATE_HZ, np.float32), 1000), pipeline.flush()]
    assert pipeline.silent_samples == 3 * RATE_HZ
    assert len(joined(outputs).mask) == int8.card.grid.frames(3 * RATE_HZ + 5000)


def test_infinite_samples_are_digital_silence(int8: Model) -> None:
    pipeline = Pipeline(int8, RATE_HZ, 1)
    pipeline.push(np.full((3200, 1), np.nan, np.float32))
    assert (pipeline.nonfinite_samples, pipeline.silent_samples) == (3200, 3200)
