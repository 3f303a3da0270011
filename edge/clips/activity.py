"""Since when sound has been going on that may still become an event."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray


class ActivityTracker:
    """Runs of mask frames in which some bin is set, pauses up to `gap_frames` bridged as events bridge them.

    An event lies within one run; so none that is still open began before the run did.

    Args:
        threshold: byte from which a bin is set.
        gap_frames: longest pause within a run.
    """

    def __init__(self, threshold: int, gap_frames: int) -> None:
        self._threshold, self._gap_frames = threshold, gap_frames
        self._frames = 0
        self._runs: deque[tuple[int, int]] = deque()  # [start, stop)

    def push(self, mask: NDArray[np.uint8]) -> None:
        """Take the next frames `[frames, bins]`."""
        active = np.flatnonzero((mask >= self._threshold).any(axis=1)) + self._frames
        for frame in active.tolist():
            near = self._runs and frame - self._runs[-1][1] <= self._gap_frames
            start = self._runs.pop()[0] if near else frame
            self._runs.append((start, frame + 1))
        self._frames += len(mask)

    def since(self, frame: int) -> int:
        """Where the run at that frame began, or the frame itself where there is none; asked in rising order."""
        while self._runs and self._runs[0][1] + self._gap_frames < frame:
            self._runs.popleft()
        return min(frame, self._runs[0][0]) if self._runs else frame
