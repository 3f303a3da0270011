"""A buffer of captured audio that has not been read yet."""

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
    """A ring buffer between the capture thread, which calls `write`, and the thread that reads `blocks`.

    Args:
        sample_rate_hz, channels: Sample rate and channels of the audio.
        ring_s: How long the reader may pause before samples are dropped.
        read: Reads the clocks.
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
        """Append a block `[samples, channels]`, and the number of samples lost directly before it."""
        self._ring.lose(lost_samples)
        self._ring.write(block)
        if self._ring.available_samples >= self._min_block_samples:
            self._arrived.set()

    def discard(self) -> None:
        """Drop the samples that wait to be read."""
        while self._ring.available_samples:
            self._ring.read(self._ring.capacity_samples)

    def wake(self) -> None:
        """Wake the reader, so that it notices that capturing has ended."""
        self._arrived.set()

    def set_min_block(self, samples: int) -> None:
        """Let the reader sleep until this many samples wait, at most 0.5 s of them."""
        self._min_block_samples = min(samples, round(BLOCK_S * self._rate_hz))

    def blocks(
        self, stop: threading.Event, loss: Callable[[float], DeviceLostError | None]
    ) -> Iterator[Block]:
        """Yield audio as it arrives, each block at most 0.5 s long.

        Ends at most 0.5 s after `stop` is set, with what had arrived.

        Args:
            stop: Ends the iteration.
            loss: Takes the seconds without audio; returns why nothing more will arrive, or None while it may.

        Raises:
            DeviceLostError: The error of `loss`, raised after everything that arrived.
        """
        max_samples = round(BLOCK_S * self._rate_hz)
        silent_s = 0.0
        while True:
            stopping, lost = stop.is_set(), loss(silent_s)
            # Without what arrives meanwhile, or a slow reader would never see `stop`.
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
            # Waits are counted, not elapsed time: a slow reader is not a stalled device.
            silent_s += BLOCK_S * (not self._arrived.wait(BLOCK_S))
            self._arrived.clear()

    def _next_block(self, max_samples: int) -> Block:
        gap_samples, samples = self._ring.read(max_samples)
        now = self._read()
        # Time since the last sample of the block arrived.
        waited_s = self._ring.available_samples / self._rate_hz
        arrived = replace(now, boot_s=now.boot_s - waited_s, utc_s=now.utc_s - waited_s)
        return Block(samples, gap_samples, "overrun" if gap_samples else None, arrived)
