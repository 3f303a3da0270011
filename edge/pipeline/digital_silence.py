"""Digital silence: runs of exactly equal samples, which no microphone delivers.

A triggered recorder fills the time between two sounds with zeros, a lost USB packet leaves zeros, and some microphones
start with them. If they counted as sound, they would pull the noise floor down within 0.3 s, and it would take seconds
to rise again.

Samples are compared at the rate of the source, mixed to mono: after resampling, a run is neither exact nor sharp. A run
of at least 8 ms is digital silence, at any value; dither and microphone noise end a run earlier. A frame is silent if
such a run fills 1 ms of it; a shorter part lies under the ends of the Hann window. A frame that contains 1 ms of a run
that may still become digital silence waits until this is decided. A frame is therefore judged by its samples and by the
runs that reach into it, and every division of the stream into blocks gives the same result.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.grid import Grid

MIN_RUN_S = 0.008
MIN_OVERLAP_S = 0.001
CHANGE = b"\1"


class DigitalSilence:
    """Finds the frames of a stream that contain digital silence.

    Args:
        sample_rate_hz: The sample rate of the pushed samples.
        grid: The grid of the frames.
    """

    def __init__(self, sample_rate_hz: int, grid: Grid) -> None:
        self._rate_hz, self._grid = sample_rate_hz, grid
        self._min_run, self._min_overlap = (round(s * sample_rate_hz) for s in (MIN_RUN_S, MIN_OVERLAP_S))
        self._unchanged = bytes(self._min_run - 1)
        self._earlier_samples = 0  # samples of digital silence in runs that ended
        self._began = self._end = 0
        self.restart()

    @property
    def samples(self) -> int:
        """Samples of digital silence in all streams so far."""
        run = self._end - self._began
        return self._earlier_samples + (run if run >= self._min_run else 0)

    def restart(self, skipped: int = 0) -> None:
        """Start a new stream, whose first frame starts `skipped` samples of the grid's rate after its first sample."""
        self._earlier_samples = self.samples
        self._began = self._end = 0  # bounds of the last run, in samples of the stream
        self._last: NDArray[np.float32] = np.zeros(0, np.float32)  # the last sample
        self._runs: list[tuple[int, int]] = []  # runs that ended and may reach into the next frame
        self._skipped, self._frame = skipped, 0

    def push(self, mono: NDArray[np.float32]) -> None:
        """Take the next samples `[n]`."""
        if not len(mono):
            return
        samples = np.concatenate([self._last, mono])
        # Byte k is 1 if sample `first + k` differs from the one before it. bytes.find skips what cannot be a run.
        first = self._end - len(self._last) + 1
        changes = (samples[1:] != samples[:-1]).tobytes()
        began, change = self._began, changes.find(CHANGE)
        while change >= 0:
            end = first + change
            if end - began >= self._min_run:
                self._runs.append((began, end))
                self._earlier_samples += end - began
            unchanged = changes.find(self._unchanged, change + 1)
            if unchanged < 0:
                began = first + changes.rfind(CHANGE)
                break
            began, change = first + unchanged - 1, changes.find(CHANGE, unchanged)
        self._began, self._end, self._last = began, self._end + len(mono), mono[-1:].copy()

    def judge(self, frames: int, is_end: bool = False) -> NDArray[np.bool_]:
        """Return whether each of the next frames is silent, for at most `frames` of them and only the decided ones.

        Args:
            frames: The number of frames of the pushed samples to judge.
            is_end: Whether no sample follows, so that all frames are decided.
        """
        if not self._runs and self._end - self._began < self._min_overlap:
            self._frame += frames
            return np.zeros(frames, np.bool_)
        grid = self._grid
        first = self._skipped + np.arange(self._frame, self._frame + frames) * grid.hop
        begins = first * self._rate_hz // grid.sample_rate_hz
        ends = -(-(first + grid.span) * self._rate_hz // grid.sample_rate_hz)
        runs = self._runs
        if self._end - self._began >= self._min_run:
            runs = [*runs, (self._began, self._end)]
        elif not is_end:
            open_samples = np.minimum(ends, self._end) - np.maximum(begins, self._began)
            waiting = np.flatnonzero(open_samples >= self._min_overlap)
            frames = int(waiting[0]) if len(waiting) else frames
        silent = np.zeros(frames, np.bool_)
        for began, end in runs:
            inside = np.minimum(ends[:frames], end) - np.maximum(begins[:frames], began)
            silent |= inside >= self._min_overlap
        self._frame += frames
        next_begin = (self._skipped + self._frame * grid.hop) * self._rate_hz // grid.sample_rate_hz
        self._runs = [run for run in self._runs if run[1] > next_begin]
        return silent
