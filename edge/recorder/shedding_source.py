"""The audio that a recorder's pipeline receives: amplified, and thinned out when there is no time for all of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from birdedge.edge.block import Block, Source
from birdedge.edge.recorder.load_shedding import LoadShedder


class SheddingSource:
    """A source that leaves out blocks as the load level requires; audio that is left out is a gap, "too slow".

    Args:
        source: the microphone.
        shedder: says how much to analyse.
        gain_db: amplifies the audio that is analysed and kept.
        left_out: called for each block that is left out: the source is alive, although nothing is analysed.
    """

    def __init__(
        self,
        source: Source,
        shedder: LoadShedder,
        gain_db: float = 0.0,
        left_out: Callable[[], None] = lambda: None,
    ) -> None:
        self._source, self._shedder, self._left_out = source, shedder, left_out
        self._gain = np.float32(10 ** (gain_db / 20))

    @property
    def name(self) -> str:
        """The name of the source."""
        return self._source.name

    @property
    def sample_rate_hz(self) -> int:
        """The sample rate of the source."""
        return self._source.sample_rate_hz

    @property
    def channels(self) -> int:
        """The channels of the source."""
        return self._source.channels

    def set_min_block(self, samples: int) -> None:
        """Pass it on to the source."""
        self._source.set_min_block(samples)

    def blocks(self, stop: threading.Event) -> Iterator[Block]:
        """Yield the blocks that there is time for."""
        passed_samples = left_out_samples = 0
        for block in self._source.blocks(stop):
            if block.gap_cause is None and self._is_left_out(passed_samples):
                left_out_samples += len(block.samples)
                passed_samples += len(block.samples)
                self._left_out()
                continue
            if left_out_samples:
                yield self._gap(left_out_samples)
                left_out_samples = 0
            passed_samples += block.gap_samples + len(block.samples)
            yield block if self._gain == 1 else replace(block, samples=block.samples * self._gain)
        if left_out_samples:
            yield self._gap(left_out_samples)

    def _is_left_out(self, passed_samples: int) -> bool:
        level = self._shedder.level
        return passed_samples / self.sample_rate_hz % level.every_s >= level.listen_s

    def _gap(self, samples: int) -> Block:
        return Block(np.zeros((0, self.channels), np.float32), samples, "too slow")
