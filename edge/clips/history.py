"""The latest rows of a stream, so that a clip can start before its event is detected."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.errors import SampleError

Int16 = NDArray[np.int16]


class History:
    """A preallocated ring of the latest rows of a stream, addressed by their number since its start.

    Args:
        capacity: Rows that are held.
        width: Values per row.
        dtype: Type of the values.

    Attributes:
        end: Rows pushed or skipped so far.
    """

    def __init__(self, capacity: int, width: int, dtype: type[np.generic]) -> None:
        self.end = 0
        self._rows: NDArray[Any] = np.zeros((capacity, width), dtype)

    @property
    def first(self) -> int:
        """Number of the oldest row that is held."""
        return max(0, self.end - len(self._rows))

    def push(self, rows: NDArray[Any]) -> None:
        """Append a copy of rows `[n, width]`, overwriting the oldest."""
        self.end += len(rows)
        self._put(rows[-len(self._rows) :])

    def skip(self, count: int) -> None:
        """Append `count` rows of zeros."""
        self.end += count
        silence = np.zeros((1, 1), self._rows.dtype)
        self._put(np.broadcast_to(silence, (min(count, len(self._rows)), self._rows.shape[1])))

    def cut(self, first: int, count: int) -> NDArray[Any]:
        """Return a copy of the rows `[first, first + count)`.

        Raises:
            SampleError: Some of them are no longer held, or not pushed yet.
        """
        if count < 0 or not self.first <= first <= first + count <= self.end:
            raise SampleError(
                f"rows {first} to {first + count} of a stream were requested and {self.first} to {self.end} are held: "
                "request fewer, or hold more"
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
    """The latest audio of a source in 16 bits; audio recorded with 16 bits is kept bit for bit.

    Positions are samples since the start of the stream, including gaps. Gaps are silence.

    Args:
        capacity_samples: Samples per channel that are held.
        channels: Channels of the source.
    """

    def __init__(self, capacity_samples: int, channels: int) -> None:
        self.channels = channels
        self._audio = History(capacity_samples, channels, np.int16)
        self._gaps: deque[tuple[int, int]] = deque()  # [start, stop)

    @property
    def first(self) -> int:
        """Number of the oldest sample that is held."""
        return self._audio.first

    @property
    def end(self) -> int:
        """Samples so far, including gaps."""
        return self._audio.end

    def push(self, block: NDArray[np.float32]) -> None:
        """Append a block `[samples, channels]` of values in -1..1; values outside are clipped, NaN becomes 0.

        Raises:
            SampleError: The block has the wrong shape.
        """
        if block.ndim != 2 or block.shape[1] != self.channels:
            raise SampleError(f"a block of shape {block.shape} was given: use [samples, {self.channels}]")
        scaled = block * np.float32(32768)
        np.rint(scaled, out=scaled)
        np.maximum(scaled, np.float32(-32768), out=scaled)
        np.minimum(scaled, np.float32(32767), out=scaled)
        if np.isnan(scaled.sum()):
            scaled[np.isnan(scaled)] = 0
        self._audio.push(scaled.astype(np.int16))

    def gap(self, samples: int) -> None:
        """Append a gap of `samples` lost samples."""
        self._gaps.append((self.end, self.end + samples))
        self._audio.skip(samples)
        while self._gaps and self._gaps[0][1] <= self.first:
            self._gaps.popleft()

    def cut(self, first_sample: int, samples: int) -> Int16:
        """Return a copy of the given samples, `[samples, channels]`.

        Raises:
            SampleError: Some of them are no longer held, or not pushed yet.
        """
        return self._audio.cut(first_sample, samples)

    def lost(self, first_sample: int, samples: int) -> int:
        """Return how many of the given samples were lost."""
        end = first_sample + samples
        return sum(
            max(0, min(stop, end) - max(start, first_sample)) for start, stop in self._gaps if start < end
        )
