"""The network input does not depend on gain or on the division of the stream."""

import numpy as np
import pytest

from birdedge.edge.models.settings import InputScaling
from birdedge.edge.pipeline.noise_floor import NetworkInput

SCALING = InputScaling()
BINS = 32


def frames(n, seed=1):
    return np.random.default_rng(seed).standard_normal((n, BINS)).astype(np.float32)


def steady(n, level_np=0.0):
    return np.full((n, BINS), level_np, np.float32)


def test_the_channels_are_the_level_above_the_floor_and_the_shape_of_the_floor():
    levels = frames(40)
    network_input, floor = NetworkInput().push(levels)
    assert network_input.shape == (2, 40, BINS)
    assert floor.shape == (10, BINS)
    assert network_input.dtype == np.float32
    every = np.repeat(floor, 4, axis=0)
    np.testing.assert_allclose(network_input[0], 0.5 * np.clip(levels - every, -3, 7), atol=1e-6)
    shape = np.clip(every - every.mean(axis=1, keepdims=True), -6, 6)
    np.testing.assert_allclose(network_input[1], 0.5 * shape, atol=1e-6)


@pytest.mark.parametrize("pushed_frames", [4, 8, 12, 64, 400])
def test_any_division_into_groups_gives_the_same_bits(pushed_frames):
    levels = frames(400)
    whole, whole_floor = NetworkInput().push(levels)
    divided = NetworkInput()
    parts = [divided.push(levels[i : i + pushed_frames]) for i in range(0, len(levels), pushed_frames)]
    np.testing.assert_array_equal(np.concatenate([p[0] for p in parts], axis=1), whole)
    np.testing.assert_array_equal(np.concatenate([p[1] for p in parts]), whole_floor)


def test_no_frames_give_no_input():
    network_input, floor = NetworkInput().push(frames(0))
    assert network_input.shape == (2, 0, BINS)
    assert floor.shape == (0, BINS)


def test_a_batch_equals_its_members():
    batch = np.stack([frames(40, seed) for seed in range(3)])
    together = NetworkInput().push(batch)[0]
    assert together.shape == (3, 2, 40, BINS)
    for member, alone in zip(together, batch, strict=True):
        np.testing.assert_allclose(member, NetworkInput().push(alone)[0], atol=1e-6)


@pytest.mark.parametrize("gain_db", [-60.0, -40.0, -6.0, 6.0, 40.0])
def test_a_change_of_gain_does_not_change_the_input(gain_db):
    levels = frames(800)
    louder = levels + np.float32(gain_db / 20 * np.log(10))
    np.testing.assert_allclose(NetworkInput().push(louder)[0], NetworkInput().push(levels)[0], atol=1e-4)


def test_the_first_group_sets_the_floor():
    levels = frames(4)
    np.testing.assert_allclose(NetworkInput().push(levels)[1][0], levels.mean(axis=0), atol=1e-6)


@pytest.mark.parametrize(("step_np", "constant_frames"), [(2.0, 375.0), (-2.0, 37.5)])
def test_the_floor_rises_slowly_and_falls_fast(step_np, constant_frames):
    follower = NetworkInput()
    follower.push(steady(4000))  # old enough that it no longer averages everything it has seen
    floor = follower.push(steady(1600, step_np))[1][:, 0]
    groups = np.arange(1, len(floor) + 1)
    expected = step_np * (1 - (1 - 4 / constant_frames) ** groups)
    np.testing.assert_allclose(floor, expected, atol=1e-3)
    # After one time constant it has covered 1 - 1/e of the step.
    assert floor[round(constant_frames / 4) - 1] / step_np == pytest.approx(1 - np.exp(-1), abs=0.03)


def test_a_young_floor_averages_what_it_has_seen():
    levels = frames(36)
    floor = NetworkInput().push(levels)[1]
    # For the first nine groups, 1/g is at least the constant of a falling floor.
    np.testing.assert_allclose(floor[-1], levels.mean(axis=0), atol=1e-5)


def test_the_floor_settles_near_the_tenth_percentile_of_group_means():
    levels = frames(40_000)
    means = levels.reshape(-1, 4, BINS).mean(axis=1)
    settled = NetworkInput().push(levels)[1][5000:].mean(axis=0)
    share_below = (means < settled).mean(axis=0)
    assert 0.10 < share_below.mean() < 0.25


def test_the_future_never_changes_the_past():
    levels = frames(80)
    changed = levels.copy()
    changed[48:] += 3.0
    np.testing.assert_array_equal(
        NetworkInput().push(changed)[0][:, :48], NetworkInput().push(levels)[0][:, :48]
    )


def test_reset_starts_a_new_stream():
    follower = NetworkInput()
    follower.push(frames(80, seed=2))
    follower.reset()
    np.testing.assert_array_equal(follower.push(frames(80))[0], NetworkInput().push(frames(80))[0])


def flags(n, *silent):
    marked = np.zeros(n, np.bool_)
    for part in silent:
        marked[part] = True
    return marked


def test_digital_silence_keeps_the_floor_and_looks_like_steady_noise():
    levels = frames(80)
    silent = flags(80, slice(40, 60))
    levels[silent] = np.log(1e-5)
    network_input, floor = NetworkInput().push(levels, silent)
    np.testing.assert_array_equal(floor[10:15], np.repeat(floor[9:10], 5, axis=0))
    np.testing.assert_array_equal(network_input[0, 40:60], np.full((20, BINS), np.float32(0.5 * 0.7)))
    without = NetworkInput()
    without.push(levels[:40])
    np.testing.assert_array_equal(network_input[:, 60:], without.push(levels[60:])[0])


def test_a_group_that_is_silent_in_part_moves_the_floor_by_its_share():
    follower = NetworkInput()
    follower.push(steady(4000))
    levels = steady(4, -1.0)
    levels[1:] = -11.5
    floor = follower.push(levels, flags(4, slice(1, 4)))[1]
    np.testing.assert_allclose(floor, -1.0 / 37.5, rtol=1e-5)


def test_a_stream_that_begins_with_digital_silence_takes_its_floor_from_the_first_sound():
    levels, silent = frames(48), flags(48, slice(0, 8))
    levels[:8] = np.log(1e-5)
    network_input, floor = NetworkInput().push(levels, silent)
    assert np.isfinite(network_input).all()
    assert np.isfinite(floor).all()
    alone, alone_floor = NetworkInput().push(levels[8:])
    np.testing.assert_array_equal(network_input[:, 8:], alone)
    np.testing.assert_array_equal(floor[2:], alone_floor)


def test_flags_without_silence_change_no_bit():
    levels = frames(40)
    for one, other in zip(NetworkInput().push(levels, flags(40)), NetworkInput().push(levels), strict=True):
        np.testing.assert_array_equal(one, other)
