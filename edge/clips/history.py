"""The last seconds of a stream, kept so that a clip can begin before its event was known."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError

Int16 = NDArray[np.int16]


class History:
    """A preallocated ring of the latest rows of a stream, found by their number since its beginning.

    Attributes:
        first: the oldest row that is held.
        end: rows until now, those skipped included.
    """

    def __init__(self, capacity: int, width: int, dtype: type[np.generic]) -> None:
        self.end = 0
        self._rows: NDArray[Any] = np.zeros((capacity, width), dtype)

    @property
    def first(self) -> int:
        """The oldest row that is held."""
        return max(0, self.end - len(self._rows))

    def push(self, rows: NDArray[Any]) -> None:
        """Copy rows `[n, width]` over the oldest."""
        self.end += len(rows)
        self._put(rows[-len(self._rows) :])

    def skip(self, count: int) -> None:
        """So many rows of zeros."""
        self.end += count
        silence = np.zeros((1, 1), self._rows.dtype)
        self._put(np.broadcast_to(silence, (min(count, len(self._rows)), self._rows.shape[1])))

    def cut(self, first: int, count: int) -> NDArray[Any]:
        """A copy of the rows `[first, first + count)`.

        Raises:
            SampleError: some of them are no longer held, or not yet there.
        """
        if count < 0 or not self.first <= first <= first + count <= self.end:
            raise SampleError(
                f"{first} to {first + count} of a stream was asked for, {self.first} to {self.end} is held: "
                "ask for less, or keep more"
            )
        start = first % len(self._rows)
        head = self._rows[start : start + count]
        return np.concatenate([head, self._rows[: count - len(head)]])

    def _put(self, rows: NDArray[Any]) -> None:
        start = (self.end - len(rows)) % len(self._rows)
        head = len(self._rows) - start
        self._rows[start : start + len(rows)] = rows[:head]
        self._rows[: len(rows[head:])] = rows[head:]


class AudioHistory:
    """The last sound as it came from the microphone, in 16 bits; what 16 bits recorded comes back bit for bit.

    Positions are samples since the stream's beginning, gaps included; where a gap was is silence.

    Args:
        capacity_samples: samples a channel that are held.
        channels: values a sample.
    """

    def __init__(self, capacity_samples: int, channels: int) -> None:
        self.channels = channels
        self._sound = History(capacity_samples, channels, np.int16)
        self._gaps: deque[tuple[int, int]] = deque()  # [start, stop)

    @property
    def first(self) -> int:
        """The oldest sample that is held."""
        return self._sound.first

    @property
    def end(self) -> int:
        """Samples until now."""
        return self._sound.end

    def push(self, block: NDArray[np.float32]) -> None:
        """Take a block `[samples, channels]` of -1..1; what lies beyond is clipped, what is no number is silence.

        Raises:
            SampleError: the block has another shape.
        """
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise SampleError(f"a block of shape {block.shape} was given: use [samples, {self.channels}]")
        scaled = np.rint(block * np.float32(32768))
        scaled = np.minimum(np.maximum(scaled, np.float32(-32768)), np.float32(32767))
        if np.isnan(scaled.sum()):
            scaled[np.isnan(scaled)] = 0
        self._sound.push(scaled.astype(np.int16))

    def gap(self, samples: int) -> None:
        """So many samples were lost."""
        self._gaps.append((self.end, self.end + samples))
        self._sound.skip(samples)
        while self._gaps and self._gaps[0][1] <= self.first:
            self._gaps.popleft()

    def cut(self, first_sample: int, samples: int) -> Int16:
        """A copy of that sound, `[samples, channels]`.

        Raises:
            SampleError: some of it is no longer held, or not yet heard.
        """
        return self._sound.cut(first_sample, samples)

    def lost(self, first_sample: int, samples: int) -> int:
        """How many of those samples were lost."""
        end = first_sample + samples
        return sum(
            max(0, min(stop, end) - max(start, first_sample)) for start, stop in self._gaps if start < end
        )
