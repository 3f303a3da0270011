"""The history returns the latest audio bit for bit, with silence for gaps."""

from __future__ import annotations

import numpy as np
import pytest

from birdedge.edge.clips.history import AudioHistory
from birdedge.edge.errors import SampleError


@pytest.mark.parametrize("seed", range(3))
def test_the_history_equals_the_end_of_the_whole_stream(seed: int) -> None:
    print(f"seed {seed}")
    draw = np.random.default_rng(seed)
    history = AudioHistory(1000, 2)
    stream, lost = np.zeros((0, 2), np.int16), np.zeros(0, bool)
    for _ in range(100):
        size = int(draw.integers(0, 1500 if draw.random() < 0.1 else 200))
        if draw.random() < 0.2:
            history.gap(size)
            stream, lost = np.pad(stream, ((0, size), (0, 0))), np.pad(lost, (0, size), constant_values=True)
        else:
            block = draw.integers(-32768, 32768, (size, 2)).astype(np.int16)
            history.push(block.astype(np.float32) / np.float32(32768))
            stream, lost = np.concatenate([stream, block]), np.pad(lost, (0, size))
        assert (history.first, history.end) == (max(0, len(stream) - 1000), len(stream))
        first = int(draw.integers(history.first, history.end + 1))
        samples = int(draw.integers(0, history.end - first + 1))
        assert np.array_equal(history.cut(first, samples), stream[first : first + samples])
        assert history.lost(first, samples) == lost[first : first + samples].sum()


def test_nan_becomes_silence_and_loud_values_are_clipped() -> None:
    history = AudioHistory(8, 1)
    values = [np.nan, np.inf, -np.inf, 1.0, -1.0, 1.5, -1.5, 0.5]
    history.push(np.array(values, np.float32)[:, np.newaxis])
    assert history.cut(0, 8).ravel().tolist() == [0, 32767, -32768, 32767, -32768, 32767, -32768, 16384]


@pytest.mark.parametrize(("first", "samples"), [(4, 3), (5, 11), (16, 0), (-1, 1), (6, -1)])
def test_audio_that_is_not_held_is_refused(first: int, samples: int) -> None:
    history = AudioHistory(10, 1)
    history.push(np.zeros((15, 1), np.float32))
    with pytest.raises(SampleError, match="of a stream were requested and 5 to 15 are held"):
        history.cut(first, samples)


def test_a_block_of_the_wrong_shape_is_refused() -> None:
    with pytest.raises(SampleError, match=r"block of shape \(4, 1\) was given: use \[samples, 2\]"):
        AudioHistory(10, 2).push(np.zeros((4, 1), np.float32))
