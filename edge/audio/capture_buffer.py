"""What a capture thread has heard and nobody has read yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.ring_buffer import SampleRing
from birdedge.edge.block import Block
from birdedge.edge.errors import DeviceLostError
from birdedge.edge.system.clock import read_clocks
from birdedge.edge.times import ClockReading

RING_S = 5.0
BLOCK_S = 0.5


class CaptureBuffer:
    """A ring between the thread that captures, which calls `write`, and the one that reads `blocks`.

    Args:
        sample_rate_hz, channels: of the samples.
        ring_s: how long the reader may be away before samples are dropped.
        read: reads the clocks.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        channels: int,
        ring_s: float = RING_S,
        read: Callable[[], ClockReading] = read_clocks,
    ) -> None:
        self._rate_hz, self._read = sample_rate_hz, read
        self._ring = SampleRing(round(ring_s * sample_rate_hz), channels)
        self._arrived = threading.Event()
        self._min_block_samples = 1

    @property
    def dropped_samples(self) -> int:
        """Samples lost: before the ring, or because the ring was full."""
        return self._ring.dropped_samples

    @property
    def delivered_samples(self) -> int:
        """Samples that were heard: read, waiting or lost."""
        return self._ring.offered_samples

    @property
    def waiting_samples(self) -> int:
        """Samples that were captured and not yet read."""
        return self._ring.available_samples

    def write(self, block: NDArray[np.float32], lost_samples: int = 0) -> None:
        """Take a block `[samples, channels]`, and how much was lost directly before it."""
        self._ring.lose(lost_samples)
        self._ring.write(block)
        if self._ring.available_samples >= self._min_block_samples:
            self._arrived.set()

    def discard(self) -> None:
        """Leave out what waits."""
        while self._ring.available_samples:
            self._ring.read(self._ring.capacity_samples)

    def wake(self) -> None:
        """Let the reader see that capturing has ended."""
        self._arrived.set()

    def set_min_block(self, samples: int) -> None:
        """Let the reader sleep until this many samples wait, or those of half a second."""
        self._min_block_samples = min(samples, round(BLOCK_S * self._rate_hz))

    def blocks(
        self, stop: threading.Event, loss: Callable[[float], DeviceLostError | None]
    ) -> Iterator[Block]:
        """Yield audio as it arrives, each block at most 0.5 s long.

        Ends at most 0.5 s after `stop` is set, with what had arrived.

        Args:
            stop: ends it.
            loss: returns why nothing more will arrive after this many seconds without audio; None while it may.

        Raises:
            DeviceLostError: that of `loss`, after everything that arrived.
        """
        max_samples = round(BLOCK_S * self._rate_hz)
        silent_s = 0.0
        while True:
            stopping, lost = stop.is_set(), loss(silent_s)
            # Not what arrives meanwhile, or a slow reader would never see `stop`.
            waiting_samples = self._ring.available_samples
            while waiting_samples >= (1 if stopping or lost else self._min_block_samples):
                block = self._next_block(min(waiting_samples, max_samples))
                waiting_samples -= len(block.samples)
                yield block
                silent_s = 0.0
            if stopping:
                return
            if lost:
                raise lost
            # Waits are counted, not the clock: a reader that was slow is not a device that stalled.
            silent_s += BLOCK_S * (not self._arrived.wait(BLOCK_S))
            self._arrived.clear()

    def _next_block(self, max_samples: int) -> Block:
        gap_samples, samples = self._ring.read(max_samples)
        now = self._read()
        # Since the last sample of the block arrived.
        waited_s = self._ring.available_samples / self._rate_hz
        arrived = replace(now, boot_s=now.boot_s - waited_s, utc_s=now.utc_s - waited_s)
        return Block(samples, gap_samples, "overrun" if gap_samples else None, arrived)
