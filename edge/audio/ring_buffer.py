"""Buffer between the capture callback and the reader; never blocks, and keeps the position of dropped samples."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError, SettingsError


class SampleRing:
    """A preallocated ring of samples for one writing and one reading thread, without locks.

    Only the writer changes `_written_samples`, only the reader `_read_samples`; both only grow. A sample is copied
    before the count that exposes it to the other thread is updated.

    Args:
        capacity_samples: Samples per channel that fit in, at least 1.
        channels: Values per sample, at least 1.

    Attributes:
        dropped_samples: Samples lost so far, in the ring or before it.

    Raises:
        SettingsError: Capacity or channels below 1.
    """

    def __init__(self, capacity_samples: int, channels: int) -> None:
        if capacity_samples < 1 or channels < 1:
            raise SettingsError(
                f"a ring of {capacity_samples} samples and {channels} channels is not possible: "
                "give at least 1 of each"
            )
        self.capacity_samples = capacity_samples
        self.channels = channels
        self.dropped_samples = 0
        self._samples = np.zeros((capacity_samples, channels), dtype=np.float32)
        self._written_samples = 0
        self._read_samples = 0
        self._pending_gap_samples = 0
        # (position among the written samples, length). Each gap is followed by a written sample, so there are
        # never more gaps than samples in the ring, even if nothing is read.
        self._gaps: deque[tuple[int, int]] = deque()

    @property
    def available_samples(self) -> int:
        """Samples ready to be read."""
        return self._written_samples - self._read_samples

    @property
    def offered_samples(self) -> int:
        """Length of the stream so far: samples written, dropped, or lost before the ring."""
        return self._written_samples + self.dropped_samples

    def lose(self, samples: int) -> None:
        """Insert a gap before the next block: these samples were lost before they reached the ring."""
        self._pending_gap_samples += samples
        self.dropped_samples += samples

    def write(self, block: NDArray[np.float32]) -> int:
        """Copy the samples that fit, drop the rest, and return how many were copied.

        Args:
            block: Shape `[samples, channels]`.

        Raises:
            SampleError: The block has another shape.
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
        """Remove and return the oldest samples, up to the next gap.

        Returns:
            The samples lost directly before this block, and a copy of the block, `[0..max_samples, channels]`.
            Gaps and blocks, concatenated, are the stream offered to `write`.
        """
        available_samples = self.available_samples  # read before the gaps, so that all their gaps are listed
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
