"""The ring returns what was written, in order, and the position and length of what it dropped."""

import threading
import tracemalloc

import numpy as np
import pytest

from birdedge.edge.audio.ring_buffer import SampleRing
from birdedge.edge.errors import SampleError, SettingsError


def ramp(start, stop, channels=1):
    """Return samples whose values are their positions in the stream."""
    return np.repeat(np.arange(start, stop, dtype=np.float32)[:, np.newaxis], channels, axis=1)


def test_reading_an_empty_ring_returns_an_empty_block():
    gap_samples, block = SampleRing(4, 2).read(10)
    assert (gap_samples, block.shape, block.dtype) == (0, (0, 2), np.dtype(np.float32))


def test_samples_are_read_in_order_across_the_wrap():
    ring = SampleRing(5, 2)
    for start in range(0, 60, 3):
        assert ring.write(ramp(start, start + 3, 2)) == 3
        assert ring.available_samples == 3
        gap_samples, block = ring.read(10)
        assert gap_samples == 0
        np.testing.assert_array_equal(block, ramp(start, start + 3, 2))
    assert ring.dropped_samples == 0


def test_a_block_that_was_read_is_not_overwritten_later():
    ring = SampleRing(3, 1)
    ring.write(ramp(0, 3))
    _, block = ring.read(3)
    ring.write(ramp(3, 6))
    np.testing.assert_array_equal(block, ramp(0, 3))


def test_samples_that_do_not_fit_become_a_gap_at_their_position():
    ring = SampleRing(4, 1)
    assert ring.write(ramp(0, 6)) == 4  # drops 4, 5
    assert ring.write(ramp(6, 9)) == 0  # drops 6, 7, 8
    assert ring.read(1)[1].item() == 0
    assert ring.write(ramp(9, 11)) == 1  # keeps 9, drops 10
    first, second = ring.read(10), ring.read(10)
    assert (first[0], first[1].ravel().tolist()) == (0, [1, 2, 3])
    assert (second[0], second[1].ravel().tolist()) == (5, [9])
    assert ring.write(ramp(11, 12)) == 1
    gap_samples, block = ring.read(10)
    assert (gap_samples, block.ravel().tolist()) == (1, [11])
    assert ring.dropped_samples == 6


def test_memory_does_not_grow_while_nothing_is_read():
    ring = SampleRing(4, 1)
    block = ramp(0, 3)
    for _ in range(1000):
        ring.write(block)
    assert ring.dropped_samples == 2996
    tracemalloc.start()
    try:
        for _ in range(1000):
            ring.write(block)
            ring.lose(1)
        grown_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ring.dropped_samples == 2996 + 4000
    assert grown_bytes < 1000  # a list of gaps would take more than 100 kB


@pytest.mark.parametrize("seed", range(5))
def test_concatenated_gaps_and_blocks_equal_the_stream_that_was_written(seed):
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    ring = SampleRing(50, 1)
    offered = heard = 0
    for _ in range(500):
        size = int(random.integers(0, 80))
        ring.write(ramp(offered, offered + size))
        offered += size
        for _ in range(int(random.integers(0, 4))):
            gap_samples, block = ring.read(int(random.integers(0, 60)))
            heard += gap_samples
            np.testing.assert_array_equal(block, ramp(heard, heard + len(block)))
            heard += len(block)
    assert ring.dropped_samples > 0


def test_a_writing_and_a_reading_thread_agree_on_every_sample():
    ring = SampleRing(997, 1)
    total = 2_000_000
    done = threading.Event()

    def write():
        for start in range(0, total, 100):
            ring.write(ramp(start, start + 100))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    position = kept = dropped = 0
    while not done.is_set() or ring.available_samples:
        gap_samples, block = ring.read(64)
        position += gap_samples
        dropped += gap_samples
        if len(block):
            assert block[0, 0] == position
            assert block[-1, 0] == position + len(block) - 1
        position += len(block)
        kept += len(block)
    writer.join()
    assert kept + ring.dropped_samples == total
    assert dropped <= ring.dropped_samples


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3)])
def test_a_block_of_another_shape_is_an_error(shape):
    with pytest.raises(SampleError, match=r"ring of \[samples, 2\]"):
        SampleRing(10, 2).write(np.zeros(shape, dtype=np.float32))


@pytest.mark.parametrize(("capacity_samples", "channels"), [(0, 1), (1, 0)])
def test_a_ring_without_capacity_or_channels_is_an_error(capacity_samples, channels):
    with pytest.raises(SettingsError, match="at least 1"):
        SampleRing(capacity_samples, channels)
