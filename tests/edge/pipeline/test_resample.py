"""Streaming resampling equals resampling of the whole recording bit for bit, and does not shift audio in time."""

import numpy as np
import pytest
import soxr

from birdedge.edge.errors import SampleError
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


@pytest.mark.parametrize("rate_hz", [-1, 0, 7_999, 384_001])
def test_a_rate_out_of_range_is_refused(rate_hz):
    with pytest.raises(SampleError, match=f"{rate_hz} Hz was given: use 8000 to 384000 Hz"):
        StreamResampler(rate_hz)
