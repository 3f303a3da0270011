"""The start of the current activity equals the result of a slow search in the whole mask."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.clips.activity import ActivityTracker

THRESHOLD, GAP_FRAMES = 128, 3


def searched_start(active: NDArray[np.bool_], frame: int) -> int:
    """Return the start of the earliest run that may continue at `frame`, found by filling every short pause."""
    frames = [-GAP_FRAMES - 2, *np.flatnonzero(active).tolist()]
    starts = [b for a, b in pairwise(frames) if b - a - 1 > GAP_FRAMES]
    for start, next_start in pairwise([*starts, len(active) + GAP_FRAMES + 1]):
        last = max(f for f in frames if f < next_start)
        if last + 1 + GAP_FRAMES >= frame:
            return min(frame, start)
    return frame


@pytest.mark.parametrize("seed", range(5))
def test_the_start_of_a_run_is_found_however_the_mask_is_divided(seed: int) -> None:
    print(f"seed {seed}")
    draw = np.random.default_rng(seed)
    active = draw.random(400) < 0.15
    mask = np.where(active[:, np.newaxis], draw.integers(0, 256, (400, 8)), 0).astype(np.uint8)
    mask[:, 3] = np.where(active, draw.integers(THRESHOLD, 256, 400), THRESHOLD - 1)
    tracker, pushed, queried = ActivityTracker(THRESHOLD, GAP_FRAMES), 0, 0
    found = []
    while pushed < len(mask):
        size = int(draw.integers(0, 40))
        tracker.push(mask[pushed : pushed + size])
        pushed = min(len(mask), pushed + size)
        queried = int(draw.integers(queried, pushed + 1))
        found.append(queried - tracker.since(queried))
        assert tracker.since(queried) == searched_start(active[:pushed], queried)
    assert max(found) > GAP_FRAMES


def test_a_silent_mask_has_no_run() -> None:
    tracker = ActivityTracker(THRESHOLD, GAP_FRAMES)
    tracker.push(np.full((100, 8), THRESHOLD - 1, np.uint8))
    assert [tracker.since(frame) for frame in (0, 50, 100)] == [0, 50, 100]
