"""Channels are mixed to one, without NaN."""

import numpy as np
import pytest

from birdedge.edge.errors import SampleError, SettingsError
from birdedge.edge.pipeline.mixer import Mixer


def noise(samples, seed=1):
    return np.random.default_rng(seed).standard_normal(samples).astype(np.float32)


def mixed(mixer, block, block_samples):
    return np.concatenate(
        [mixer.push(block[i : i + block_samples]) for i in range(0, len(block), block_samples)]
    )


def test_channels_are_mixed_to_their_mean_or_one_is_picked():
    block = np.column_stack([noise(300, seed) for seed in range(3)])
    np.testing.assert_allclose(Mixer(3).push(block), block.mean(axis=1), atol=1e-6)
    for channel in range(3):
        picked = Mixer(3, channel=channel).push(block)
        np.testing.assert_array_equal(picked, block[:, channel])


@pytest.mark.parametrize("channels", [2, 9, 32])
def test_the_mean_does_not_depend_on_the_blocks(channels):
    whole = noise(1000 * channels).reshape(-1, channels)
    reference = mixed(Mixer(channels), whole, 1000)
    for block_samples in (1, 17, 509):
        np.testing.assert_array_equal(mixed(Mixer(channels), whole, block_samples), reference)


def test_the_pushed_block_is_neither_changed_nor_shared():
    block = noise(10)
    block[3] = np.nan
    before = block.copy()
    output = Mixer(1).push(block)
    np.testing.assert_array_equal(block, before)
    assert not np.shares_memory(output, block)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_counted_and_become_0(bad):
    spoiled, zeroed = noise(4800), noise(4800)
    spoiled[100:105], zeroed[100:105] = bad, 0
    mixer = Mixer(1)
    np.testing.assert_array_equal(mixed(mixer, spoiled, 509), zeroed)
    assert mixer.nonfinite_samples == 5


def test_infinities_in_several_channels_are_counted_once():
    mixer = Mixer(2)
    output = mixer.push(np.array([[np.inf, -np.inf], [3e38, 3e38], [1, 3]], dtype=np.float32))
    assert output.tolist() == [0, 0, 2]
    assert mixer.nonfinite_samples == 2


@pytest.mark.parametrize("channel", [-1, 2])
def test_a_missing_channel_is_refused(channel):
    with pytest.raises(
        SettingsError, match=f"channel {channel} was given, but the input has 2: choose 0 to 1"
    ):
        Mixer(2, channel=channel)


def test_zero_channels_are_refused():
    with pytest.raises(SettingsError, match="0 channels were given"):
        Mixer(0)


@pytest.mark.parametrize("shape", [(8,), (8, 1), (8, 3), (8, 2, 1)])
def test_a_block_of_the_wrong_shape_is_refused(shape):
    with pytest.raises(SampleError, match=r"use \[samples, 2\]"):
        Mixer(2).push(np.zeros(shape, dtype=np.float32))


def stereo(left, right):
    return np.column_stack([left, right]).astype(np.float32)


@pytest.mark.parametrize(
    ("block", "warned"),
    [
        (stereo(noise(48_000), noise(48_000)), False),
        (stereo(noise(48_000), noise(48_000, 2)), False),
        (stereo(noise(48_000), np.zeros(48_000)), False),
        (stereo(noise(48_000), -noise(48_000)), True),
        (stereo(noise(48_000), 0.1 * noise(48_000, 2) - noise(48_000)), True),
        (stereo(100 + noise(48_000), 100 - noise(48_000)), True),  # on top of an offset
        (np.column_stack([noise(48_000, seed) for seed in range(32)]), False),
        (np.zeros((48_000, 2), np.float32), False),
    ],
)
def test_channels_that_cancel_each_other_are_noticed(block, warned):
    mixer = Mixer(block.shape[1])
    mixed(mixer, block, 1000)
    assert (
        any("of opposite phase; choose one with --channel 0 to 1" in text for text in mixer.warnings)
        == warned
    )


def test_amplified_samples_are_compared_with_amplified_full_scale():
    mixer = Mixer(1, full_scale=31.6)
    mixer.push(np.array([12.6], np.float32))
    assert not mixer.warnings
    mixer.push(np.array([-632.0], np.float32))
    assert mixer.warnings == ("samples reach 20, where 1 is full scale: export the audio again",)


def test_a_single_chosen_channel_cannot_cancel():
    mixer = Mixer(2, 1)
    mixer.push(stereo(noise(4800), -noise(4800)))
    assert not any("phase" in text for text in mixer.warnings)


@pytest.mark.parametrize(("peak", "warned"), [(1.0, False), (4.0, False), (-32_768.0, True), (1e30, True)])
def test_values_far_out_of_range_are_noticed(peak, warned):
    mixer = Mixer(1)
    mixer.push(np.array([0, peak, 0.5], np.float32))
    mixer.push(np.zeros(0, np.float32))
    assert bool(mixer.warnings) == warned
    assert not warned or "where 1 is full scale" in mixer.warnings[0]
