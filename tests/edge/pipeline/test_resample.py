"""Streaming resampling equals resampling of the whole recording bit for bit, and shifts no audio in time."""

import numpy as np
import pytest
import soxr

from birdedge.edge.errors import SampleError, SettingsError
from birdedge.edge.pipeline.resample import StreamResampler

RATES_HZ = [8_000, 22_050, 44_100, 48_000, 96_000, 192_000, 250_000, 384_000]


def noise(samples, seed=1):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def resampled(resampler, samples, block_samples):
    blocks = [resampler.push(samples[i : i + block_samples]) for i in range(0, len(samples), block_samples)]
    return np.concatenate([*blocks, resampler.flush()])


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("block_samples", [1, 17, 509, 44_100])
def test_any_division_into_blocks_equals_soxr_bit_for_bit(rate_hz, block_samples):
    resampler = StreamResampler(rate_hz)
    for samples in (0, 1, 2, 99, 100, 101, 44_100):
        whole = noise(samples)
        reference = soxr.resample(whole, rate_hz, 32_000, quality="HQ")
        # The same resampler is used for every length: flush must leave nothing behind.
        np.testing.assert_array_equal(resampled(resampler, whole, block_samples), reference)


@pytest.mark.parametrize("block_samples", [1, 17, 509])
def test_at_the_model_rate_samples_pass_unchanged(block_samples):
    whole = noise(1001)
    np.testing.assert_array_equal(resampled(StreamResampler(32_000), whole, block_samples), whole)


@pytest.mark.parametrize("rate_hz", [*RATES_HZ, 32_000])
def test_a_tone_keeps_its_frequency_phase_and_level(rate_hz):
    def tone(at_hz):
        return np.sin(2 * np.pi * 1234.5 * np.arange(at_hz) / at_hz + 0.7).astype(np.float32)

    output = resampled(StreamResampler(rate_hz), tone(rate_hz), 4096)
    assert len(output) == 32_000
    np.testing.assert_allclose(output[2000:-2000], tone(32_000)[2000:-2000], atol=2e-5)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_click_stays_at_its_time(rate_hz):
    clicks = np.zeros(rate_hz, dtype=np.float32)
    clicks[rate_hz // 2] = 1
    output = resampled(StreamResampler(rate_hz), clicks, 509)
    assert np.abs(output).argmax() == 16_000


def test_channels_are_mixed_to_their_mean_or_one_is_picked():
    block = np.column_stack([noise(300, seed) for seed in range(3)])
    np.testing.assert_allclose(StreamResampler(32_000, channels=3).push(block), block.mean(axis=1), atol=1e-6)
    for channel in range(3):
        picked = StreamResampler(32_000, channels=3, channel=channel).push(block)
        np.testing.assert_array_equal(picked, block[:, channel])


@pytest.mark.parametrize("channels", [2, 9, 32])
def test_the_mean_does_not_depend_on_the_blocks(channels):
    whole = noise(1000 * channels).reshape(-1, channels)
    reference = resampled(StreamResampler(48_000, channels=channels), whole, 1000)
    for block_samples in (1, 17, 509):
        output = resampled(StreamResampler(48_000, channels=channels), whole, block_samples)
        np.testing.assert_array_equal(output, reference)


def test_the_pushed_block_is_neither_changed_nor_shared():
    block = noise(10)
    block[3] = np.nan
    before = block.copy()
    output = StreamResampler(32_000).push(block)
    np.testing.assert_array_equal(block, before)
    assert not np.shares_memory(output, block)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate_hz", [32_000, 48_000])
def test_nan_and_infinity_are_counted_and_become_0(bad, rate_hz):
    spoiled, zeroed = noise(4800), noise(4800)
    spoiled[100:105], zeroed[100:105] = bad, 0
    resampler = StreamResampler(rate_hz)
    output = resampled(resampler, spoiled, 509)
    assert resampler.nonfinite_samples == 5
    np.testing.assert_array_equal(output, resampled(StreamResampler(rate_hz), zeroed, 509))


def test_infinities_in_several_channels_are_counted_once():
    resampler = StreamResampler(32_000, channels=2)
    output = resampler.push(np.array([[np.inf, -np.inf], [3e38, 3e38], [1, 3]], dtype=np.float32))
    assert output.tolist() == [0, 0, 2]
    assert resampler.nonfinite_samples == 2


@pytest.mark.parametrize("rate_hz", [-1, 0, 7_999, 384_001])
def test_a_rate_out_of_range_is_refused(rate_hz):
    with pytest.raises(SampleError, match=f"{rate_hz} Hz was given: use 8000 to 384000 Hz"):
        StreamResampler(rate_hz)


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_missing_channel_is_refused(channel):
    with pytest.raises(
        SettingsError, match=f"channel {channel} was given, but the input has 2: choose 0 to 1"
    ):
        StreamResampler(48_000, channels=2, channel=channel)


def test_zero_channels_are_refused():
    with pytest.raises(SettingsError, match="0 channels were given"):
        StreamResampler(48_000, channels=0)


@pytest.mark.parametrize("shape", [(8,), (8, 1), (8, 3), (8, 2, 1)])
def test_a_block_of_the_wrong_shape_is_refused(shape):
    with pytest.raises(SampleError, match=r"use \[samples, 2\]"):
        StreamResampler(48_000, channels=2).push(np.zeros(shape, dtype=np.float32))
