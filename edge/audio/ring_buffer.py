"""The buffer behind the capture callback: it never waits, and remembers where it had to drop."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError, SettingsError


class SampleRing:
    """A preallocated ring of samples for one writing and one reading thread, without locks.

    The writer alone moves `_written_samples`, the reader alone `_read_samples`; both only grow. A sample is
    copied before the count that shows it to the other side moves.

    Args:
        capacity_samples: samples a channel it can hold, at least 1.
        channels: values a sample, at least 1.

    Raises:
        SettingsError: capacity or channels below 1.
    """

    def __init__(self, capacity_samples: int, channels: int) -> None:
        if capacity_samples < 1 or channels < 1:
            raise SettingsError(
                f"a ring of {capacity_samples} samples and {channels} channels was asked for: "
                "give at least 1 of each"
            )
        self.capacity_samples = capacity_samples
        self.channels = channels
        self.dropped_samples = 0
        self._samples = np.zeros((capacity_samples, channels), dtype=np.float32)
        self._written_samples = 0
        self._read_samples = 0
        self._pending_gap_samples = 0
        # (position among the written samples, length). Each is followed by a written sample, so there are
        # never more of them than samples in the ring, however long nobody reads.
        self._gaps: deque[tuple[int, int]] = deque()

    @property
    def available_samples(self) -> int:
        """Samples that wait to be read."""
        return self._written_samples - self._read_samples

    @property
    def offered_samples(self) -> int:
        """Samples that were heard: written, dropped, or lost before."""
        return self._written_samples + self.dropped_samples

    def lose(self, samples: int) -> None:
        """So many were lost before the next block could be written."""
        self._pending_gap_samples += samples
        self.dropped_samples += samples

    def write(self, block: NDArray[np.float32]) -> int:
        """Copy what fits and drop the rest; return how many samples were kept.

        Args:
            block: [samples, channels].

        Raises:
            SampleError: the block has another shape.
        """
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise SampleError(
                f"a block of shape {block.shape} was written to a ring of [samples, {self.channels}]"
            )
        kept_samples = min(len(block), self.capacity_samples - self.available_samples)
        if kept_samples:
            if self._pending_gap_samples:
                self._gaps.append((self._written_samples, self._pending_gap_samples))
                self._pending_gap_samples = 0
            start = self._written_samples % self.capacity_samples
            first_samples = min(kept_samples, self.capacity_samples - start)
            self._samples[start : start + first_samples] = block[:first_samples]
            self._samples[: kept_samples - first_samples] = block[first_samples:kept_samples]
            self._written_samples += kept_samples
        self.lose(len(block) - kept_samples)
        return kept_samples

    def read(self, max_samples: int) -> tuple[int, NDArray[np.float32]]:
        """Take the oldest samples, up to the next gap.

        Returns:
            How many samples were dropped just before this block, and the block as a copy
            [0..max_samples, channels]. Gaps and blocks, laid end to end, are the stream offered to `write`.
        """
        available_samples = self.available_samples  # before the gaps: those up to here are then all listed
        if not available_samples or max_samples < 1:
            return 0, np.empty((0, self.channels), dtype=np.float32)
        gap_samples = 0
        if self._gaps and self._gaps[0][0] == self._read_samples:
            gap_samples = self._gaps.popleft()[1]
        block_samples = min(available_samples, max_samples)
        if self._gaps:
            block_samples = min(block_samples, self._gaps[0][0] - self._read_samples)
        start = self._read_samples % self.capacity_samples
        first_samples = min(block_samples, self.capacity_samples - start)
        block = np.empty((block_samples, self.channels), dtype=np.float32)
        block[:first_samples] = self._samples[start : start + first_samples]
        block[first_samples:] = self._samples[: block_samples - first_samples]
        self._read_samples += block_samples
        return gap_samples, block
