"""Activity in the mask that may still become an event."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray


class ActivityTracker:
    """A tracker of runs of mask frames in which any bin is set, with pauses up to `gap_frames` bridged.

    The event tracker bridges pauses in the same way, so an event lies within one run, and an open event cannot have
    started before the current run.

    Args:
        threshold: The mask byte from which a bin is set.
        gap_frames: The longest pause within a run.
    """

    def __init__(self, threshold: int, gap_frames: int) -> None:
        self._threshold, self._gap_frames = threshold, gap_frames
        self._frames = 0
        self._runs: deque[tuple[int, int]] = deque()  # [start, stop)

    def push(self, mask: NDArray[np.uint8]) -> None:
        """Append mask frames `[frames, bins]`."""
        active = np.flatnonzero((mask >= self._threshold).any(axis=1)) + self._frames
        for frame in active.tolist():
            near = self._runs and frame - self._runs[-1][1] <= self._gap_frames
            start = self._runs.pop()[0] if near else frame
            self._runs.append((start, frame + 1))
        self._frames += len(mask)

    def skip(self, frames: int) -> None:
        """Append frames without a bin that is set."""
        self._frames += frames

    def since(self, frame: int) -> int:
        """Return the first frame of the run at `frame`, or `frame` itself if there is none.

        Frames must be queried in ascending order.
        """
        while self._runs and self._runs[0][1] + self._gap_frames < frame:
            self._runs.popleft()
        return min(frame, self._runs[0][0]) if self._runs else frame
