"""From samples to masks and events: the same for any blocks, at any rate, with time counted through gaps."""

import dataclasses

import numpy as np
import pytest
import soxr

from birdedge.edge.audio.microphone import PIECE_S
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import bundled_models
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.denoise import denoise
from birdedge.edge.pipeline.pipeline import GAP_FRAMES, Pipeline
from birdedge.edge.synthesis.soundscape import soundscape

RATES_HZ = (16_000, 32_000, 44_100, 48_000)
BLOCKS = (17, 509, 4095, 4096, 4097, 65_536)
LENGTHS = (0, 1, 255, 256, 257, 511, 512, 513, 4095, 4096, 4097)
HOP = 256


def sensitive(model):
    """The model with thresholds so low that a few seconds hold many events."""
    low = dataclasses.replace(
        model.card.events, low_threshold=0.2, high_threshold=0.3, min_duration_s=0.0, min_score=0.0
    )
    model.card = dataclasses.replace(model.card, events=low)
    return model


@pytest.fixture(scope="module", params=sorted(bundled_models()))
def model(request):
    return sensitive(Model(request.param))


@pytest.fixture(scope="module")
def int8():
    return sensitive(Model("birdedge-int8"))


@pytest.fixture(scope="module")
def calls():
    """Eight seconds with calls at 32 kHz."""
    return soundscape(8.0, seed=5, calls_per_minute=60.0).samples


def at_rate(samples, rate_hz):
    return samples if rate_hz == 32_000 else soxr.resample(samples, 32_000, rate_hz)


def pushed(pipeline, samples, block):
    return [pipeline.push(samples[at : at + block, np.newaxis]) for at in range(0, len(samples), block)]


def joined(found):
    """The mask, the level and the events of consecutive pieces."""
    mask, level = np.concatenate([f.mask for f in found]), np.concatenate([f.level for f in found])
    return mask, level, [event for f in found for event in f.events]


def segmented(model, samples, block, rate_hz=32_000):
    pipeline = Pipeline(model, rate_hz, 1)
    return joined([*pushed(pipeline, samples, block), pipeline.flush()])


def fields(event):
    return {
        field.name: getattr(event, field.name) for field in dataclasses.fields(event) if field.name != "mask"
    }


def assert_same(one, other):
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert [fields(event) for event in one[2]] == [fields(event) for event in other[2]]
    for event, same in zip(one[2], other[2], strict=True):
        np.testing.assert_array_equal(event.mask, same.mask)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_masks_and_events_do_not_depend_on_the_block_size(model, calls, rate_hz):
    samples = at_rate(calls, rate_hz)[: 5 * rate_hz]
    whole = segmented(model, samples, len(samples), rate_hz)
    assert len(whole[2]) >= 3, "too few events for the comparison to mean anything"
    for block in BLOCKS:
        assert_same(segmented(model, samples, block, rate_hz), whole)


@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
def test_nor_do_they_where_samples_come_one_by_one(model, calls, rate_hz):
    samples = at_rate(calls, rate_hz)[:9000]
    assert_same(segmented(model, samples, 1, rate_hz), segmented(model, samples, len(samples), rate_hz))


@pytest.mark.parametrize("length", LENGTHS)
def test_there_are_as_many_mask_frames_as_the_grid_says(model, calls, length):
    mask, level, _ = segmented(model, calls[:length], 509)
    assert mask.shape == level.shape == (model.card.grid.frames(length), model.card.grid.bins)
    assert mask.dtype == np.uint8


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("length", LENGTHS)
def test_at_any_rate_there_are_as_many_as_the_resampled_sound_has(int8, calls, length, rate_hz):
    resampled = len(soxr.resample(np.zeros(length, np.float32), rate_hz, 32_000)) if length else 0
    assert len(segmented(int8, calls[:length], 509, rate_hz)[0]) == int8.card.grid.frames(resampled)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_an_event_has_its_time_and_band_whatever_the_rate_it_was_recorded_at(int8, rate_hz):
    # The level of 16 kHz sound stops at 8 kHz, which the network sees: so compared on the spectrogram.
    n = np.arange(2 * rate_hz)
    tone = np.where((n >= rate_hz) & (n < 1.2 * rate_hz), 0.1 * np.sin(2 * np.pi * 4000 * n / rate_hz), 0)
    _, level, _ = segmented(int8, tone.astype(np.float32), 4096, rate_hz)
    grid = int8.card.grid
    loudest_bin = level.max(axis=0).argmax()
    assert grid.low_hz + loudest_bin * grid.bin_hz == pytest.approx(4000, abs=grid.bin_hz / 2)
    loud = np.flatnonzero(level[:, loudest_bin] > level.max() - np.log(2))
    assert grid.first_frame_s + loud[0] * grid.hop_s == pytest.approx(1.0, abs=grid.hop_s)
    assert grid.first_frame_s + loud[-1] * grid.hop_s == pytest.approx(1.2, abs=grid.hop_s)


def test_channels_are_mixed_or_picked(int8, calls):
    both = np.stack([calls, np.zeros_like(calls)], axis=1)
    for channel, alone in ((None, calls / 2), (0, calls), (1, np.zeros_like(calls))):
        pipeline = Pipeline(int8, 32_000, 2, channel)
        assert_same(joined([pipeline.push(both), pipeline.flush()]), segmented(int8, alone, len(alone)))


def across(pipeline, samples):
    """What a gap gives, as one."""
    return PipelineOutput(*joined(list(pipeline.gap(samples))))


def test_a_gap_of_hours_comes_in_pieces_that_need_little_memory(int8):
    pipeline, frames = Pipeline(int8, 48_000, 1), 0
    for found in pipeline.gap(48_000 * 7200):
        assert len(found.mask) <= GAP_FRAMES
        assert found.events == []
        frames += len(found.mask)
    assert frames == 7200 * 125


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
@pytest.mark.parametrize("gap", [1, 100, 255, 256, 257, 40_000])
def test_a_gap_keeps_the_frames_on_the_grid_and_no_event_spans_it(int8, calls, gap, rate_hz):
    samples, at = at_rate(calls, rate_hz), 3 * rate_hz + 77
    pipeline = Pipeline(int8, rate_hz, 1)
    before = pushed(pipeline, samples[:at], 4096)
    over = across(pipeline, gap)
    after = [*pushed(pipeline, samples[at + gap :], 4096), pipeline.flush()]
    mask, level, events = joined([*before, over, *after])
    assert pipeline.heard_samples + pipeline.lost_samples == len(samples)
    assert mask.shape == level.shape
    # Resampled, the parts may have a sample more than the whole, and that a frame of its own.
    longer = len(mask) - len(segmented(int8, samples, 4096, rate_hz)[0])
    assert longer in ((0,) if rate_hz == 32_000 else (0, 1))
    grid = int8.card.grid
    lost_s = at / rate_hz, (at + gap) / rate_hz
    for event in events:
        first_s, last_s = event.first_frame * grid.hop_s, (event.first_frame + len(event.mask)) * grid.hop_s
        assert last_s <= lost_s[0] + grid.hop_s or first_s >= lost_s[1] - grid.hop_s
    # Each event is where the mask has it.
    for event in events:
        rows = slice(event.first_frame, event.first_frame + len(event.mask))
        columns = slice(event.first_bin, event.first_bin + event.mask.shape[1])
        inside = event.mask > 0
        np.testing.assert_array_equal(mask[rows, columns][inside], event.mask[inside])
    # What was heard before is what would have been found had the stream ended there.
    ended = segmented(int8, samples[:at], 4096, rate_hz)
    np.testing.assert_array_equal(mask[: len(ended[0])], ended[0])


@pytest.mark.parametrize("rate_hz", [32_000, 44_100])
@pytest.mark.parametrize("gap", [1, 1000, 40_000])
def test_after_a_gap_sound_has_the_time_it_would_have_had(int8, gap, rate_hz):
    click = np.zeros(3 * rate_hz, np.float32)
    click[2 * rate_hz] = 0.9
    pipeline = Pipeline(int8, rate_hz, 1)
    found = [*pushed(pipeline, click[: rate_hz // 2], 509), across(pipeline, gap)]
    found += [*pushed(pipeline, click[rate_hz // 2 + gap :], 509), pipeline.flush()]
    _, level, _ = joined(found)
    frame = level.sum(axis=1).argmax()
    grid = int8.card.grid
    assert grid.first_frame_s + frame * grid.hop_s == pytest.approx(2.0, abs=grid.hop_s)


@pytest.mark.parametrize("gap", [1, 300, 5000])
def test_a_gap_at_the_start_is_only_silence(int8, calls, gap):
    pipeline = Pipeline(int8, 32_000, 1)
    over = across(pipeline, gap)
    first_frame = -(-gap // HOP)
    assert over.events == []
    assert (over.mask == 0).all()
    assert len(over.mask) == first_frame
    mask, level, events = joined([pipeline.push(calls[:, np.newaxis]), pipeline.flush()])
    alone = segmented(int8, calls[first_frame * HOP - gap :], 4096)
    np.testing.assert_array_equal(mask, alone[0])
    np.testing.assert_array_equal(level, alone[1])
    assert [e.first_frame for e in events] == [e.first_frame + first_frame for e in alone[2]]


def test_gap_after_gap_stays_on_the_grid(int8, calls):
    rng = np.random.default_rng(11)
    for rate_hz in (32_000, 44_100):
        samples = at_rate(calls, rate_hz)
        pipeline, found, at = Pipeline(int8, rate_hz, 1), [], 0
        while at < len(samples):
            heard, lost = int(rng.integers(0, 9000)), int(rng.choice([0, 1, 2, 255, 256, 700, 3000]))
            found.append(pipeline.push(samples[at : at + heard, np.newaxis]))
            at = min(len(samples), at + heard)
            lost = min(lost, len(samples) - at)
            if lost:
                found.append(across(pipeline, lost))
                at += lost
        mask, _, events = joined([*found, pipeline.flush()])
        grid = int8.card.grid
        assert pipeline.heard_samples + pipeline.lost_samples == len(samples)
        assert abs(len(mask) - grid.frames(len(calls))) <= 1
        for event in events:
            assert 0 <= event.first_frame < event.first_frame + len(event.mask) <= len(mask)


def test_a_thousand_gaps_of_one_sample_do_not_shift_time(int8):
    pipeline, frames = Pipeline(int8, 32_000, 1), 0
    silence = np.zeros((31, 1), np.float32)
    for _ in range(1000):
        frames += len(pipeline.push(silence).mask) + len(across(pipeline, 1).mask)
    frames += len(pipeline.flush().mask)
    assert (pipeline.heard_samples, pipeline.lost_samples, pipeline.gaps) == (31_000, 1000, 1000)
    assert frames == 32_000 // HOP


@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_counted_and_heard_as_zero(model, calls, value, rate_hz):
    samples = at_rate(calls, rate_hz).copy()
    samples[10_000:10_100] = value
    zeroed = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    pipeline = Pipeline(model, rate_hz, 1)
    found = joined([*pushed(pipeline, samples, 4096), pipeline.flush()])
    assert pipeline.nonfinite_samples == 100
    assert pipeline.nonfinite_chunks == 0
    assert_same(found, segmented(model, zeroed, 4096, rate_hz))


def test_a_stream_of_nothing_but_nan_never_ends_nor_finds_anything(model):
    pipeline = Pipeline(model, 48_000, 2)
    nothing = np.full((48_000, 2), np.nan, np.float32)
    mask, _, events = joined([pipeline.push(nothing), pipeline.push(nothing), pipeline.flush()])
    assert pipeline.nonfinite_samples == 96_000
    assert len(mask) == model.card.grid.frames(64_000)
    assert events == []


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
def test_samples_too_large_for_a_level_cost_their_moment_and_not_the_stream(model, calls, rate_hz):
    samples = at_rate(calls, rate_hz).copy()
    samples[rate_hz] = 1e30
    pipeline = Pipeline(model, rate_hz, 1)
    mask, _, _ = joined([*pushed(pipeline, samples, 4096), pipeline.flush()])
    assert 1 <= pipeline.nonfinite_chunks <= 3
    # Network and floor began anew, so what is found later is alike, not equal.
    untouched = segmented(model, at_rate(calls, rate_hz), 4096, rate_hz)[0]
    late = slice(5 * 125, None)
    assert np.corrcoef(mask[late].ravel(), untouched[late].ravel())[0, 1] > 0.7


def alone(found):
    """The bird alone of consecutive pieces."""
    return np.concatenate([f.denoised.samples for f in found if f.denoised is not None])


@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
@pytest.mark.parametrize("block", [509, 4096, 65_536])
def test_the_bird_alone_of_a_stream_is_that_of_its_whole_recording(int8, calls, rate_hz, block):
    samples = at_rate(calls, rate_hz)
    pipeline = Pipeline(int8, rate_hz, 1, denoised=True)
    found = [*pushed(pipeline, samples, block), pipeline.flush()]
    mask = np.concatenate([f.mask for f in found])
    card = int8.card
    whole = denoise(samples[:, np.newaxis], rate_hz, mask, card.grid, threshold=card.threshold)
    assert np.abs(whole).max() > 0.01
    np.testing.assert_array_equal(alone(found), whole)
    assert {f.denoised.sample_rate_hz for f in found} == {rate_hz}


@pytest.mark.parametrize("gap", [1, 300, 40_000])
def test_across_a_gap_the_bird_alone_keeps_its_time_and_tells_what_was_lost(int8, calls, gap):
    pipeline, at = Pipeline(int8, 32_000, 1, denoised=True), 100_077
    before = pushed(pipeline, calls[:at], 4096)
    over = list(pipeline.gap(gap))
    after = [*pushed(pipeline, calls[at + gap :], 4096), pipeline.flush()]
    assert [f.denoised.lost_samples for f in [*before, over[0], *after]] == [
        *[0] * len(before),
        gap,
        *[0] * len(after),
    ]
    card = int8.card
    mask = [np.concatenate([f.mask for f in part]) for part in ([*before, over[0]], after)]
    first_frame_s = card.grid.first_frame_s + sum(len(f.mask) for f in [*before, *over]) * card.grid.hop_s
    rest_s = first_frame_s - (at + gap) / 32_000
    sound = calls[:, np.newaxis]
    np.testing.assert_array_equal(
        alone([*before, over[0]]), denoise(sound[:at], 32_000, mask[0], card.grid, threshold=card.threshold)
    )
    np.testing.assert_array_equal(
        alone(after), denoise(sound[at + gap :], 32_000, mask[1], card.grid, rest_s, card.threshold)
    )


def test_with_another_form_of_the_network_the_bird_alone_goes_on(int8, calls):
    pipeline = Pipeline(int8, 32_000, 1, denoised=True)
    found = list(pushed(pipeline, calls[:100_077], 4096))
    pipeline.change(Model("birdedge-fp32"))
    found += [*pushed(pipeline, calls[100_077:], 4096), pipeline.flush()]
    assert sum(f.denoised.lost_samples for f in found) == 0
    assert len(alone(found)) == len(calls)
    assert np.abs(alone(found)[110_000:]).max() > 0.01


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_a_live_stream_waits_for_is_mostly_one_call_of_the_network_a_push(int8, calls, rate_hz):
    samples, piece = at_rate(calls, rate_hz), round(PIECE_S * rate_hz)
    pipeline, at, frames = Pipeline(int8, rate_hz, 1), 0, []
    while at < len(samples):
        pieces = -(-pipeline.missing_samples // piece)
        frames.append(len(pipeline.push(samples[at : at + pieces * piece, np.newaxis]).mask))
        at += pieces * piece
    assert max(frames) == int8.card.chunk_frames
    assert frames.count(0) <= 2 + 0.2 * len(frames)  # a resampler hands out more at one time than at another
