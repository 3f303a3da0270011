"""Blocks of audio, and the sources that deliver them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.gap import GapCause
from birdedge.edge.times import ClockReading

StopEvent = threading.Event  # set to end a stream


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive samples, and the gap just before them.

    A block with a `gap_cause` and neither samples nor `gap_samples` marks the start of a gap.
    """

    samples: NDArray[np.float32]  # [samples, channels], full scale is 1
    gap_samples: int = 0
    gap_cause: GapCause | None = None
    arrived: ClockReading | None = None  # when the last sample arrived; None for a recording


class Source(Protocol):
    """Anything that delivers audio: a microphone, a file, a pipe."""

    @property
    def name(self) -> str:
        """The name of the recording or device, as tables show it."""

    @property
    def sample_rate_hz(self) -> int:
        """The nominal sample rate."""

    @property
    def channels(self) -> int:
        """The number of channels: values per sample."""

    def blocks(self, stop: StopEvent) -> Iterator[Block]:
        """Yield the audio until its end, or until `stop` is set."""

    def set_min_block(self, samples: int) -> None:
        """Allow a live source to wait until this many samples have arrived; others ignore it."""


class LiveInput(Source, Protocol):
    """The input of a recorder: a microphone or a stream. It is a `Source` while it is open.

    Attributes:
        is_hardware: whether a constant value, or a rate other than its own, means that it is broken.
        overflows: how often samples were reported lost before they arrived.
    """

    is_hardware: bool
    overflows: int

    @property
    def has_ended(self) -> bool:
        """Whether it was heard to its end, so that no more audio follows."""

    @property
    def delivered_samples(self) -> int:
        """Samples that arrived since it was opened: read, waiting or lost."""

    @property
    def waiting_samples(self) -> int:
        """Samples that arrived and were not yet read."""

    def open(self) -> None:
        """Start capturing.

        Raises:
            DeviceError: it is not available now.
        """

    def close(self) -> None:
        """Stop capturing; closing twice does nothing."""
