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
        piece_samples: how many `write` takes at a time. What is read begins, and goes on after a gap, so late that the
            largest minimum block, that of the start of a stream, ends where a piece ends: blocks of as many samples
            then wait for no further piece. 1: with the first sample.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        channels: int,
        ring_s: float = RING_S,
        read: Callable[[], ClockReading] = read_clocks,
        piece_samples: int = 1,
    ) -> None:
        self._rate_hz, self._read = sample_rate_hz, read
        self._ring = SampleRing(round(ring_s * sample_rate_hz), channels)
        self._arrived = threading.Event()
        self._min_block_samples, self._max_min_block_samples = 1, 0
        self._piece_samples, self._is_aligned = piece_samples, False

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
        self._max_min_block_samples = max(samples, self._max_min_block_samples)

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
            if waiting_samples and not self._is_aligned:
                self._is_aligned = True
                waiting_samples -= len(self._ring.read(self._early_samples(waiting_samples))[1])
            while waiting_samples >= (1 if stopping or lost else self._min_block_samples):
                block, read_samples = self._next_block(min(waiting_samples, max_samples))
                waiting_samples -= read_samples
                yield block
                silent_s = 0.0
            if stopping:
                return
            if lost:
                raise lost
            # Waits are counted, not the clock: a reader that was slow is not a device that stalled.
            silent_s += BLOCK_S * (not self._arrived.wait(BLOCK_S))
            self._arrived.clear()

    def _next_block(self, max_samples: int) -> tuple[Block, int]:
        """Return the next block, and how many samples were read for it."""
        gap_samples, samples = self._ring.read(max_samples)
        read_samples = len(samples)
        early_samples = self._early_samples(read_samples + self._ring.available_samples) if gap_samples else 0
        if early_samples < read_samples:
            gap_samples, samples = gap_samples + early_samples, samples[early_samples:]
        now = self._read()
        # Since the last sample of the block arrived.
        waited_s = self._ring.available_samples / self._rate_hz
        arrived = replace(now, boot_s=now.boot_s - waited_s, utc_s=now.utc_s - waited_s)
        return Block(samples, gap_samples, "overrun" if gap_samples else None, arrived), read_samples

    def _early_samples(self, waiting_samples: int) -> int:
        """Return how many of the samples that wait come before the beginning; less than a piece."""
        longest = self._max_min_block_samples
        return (waiting_samples - longest) % self._piece_samples if longest else 0
