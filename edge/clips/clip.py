"""A clip, before and after it is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.models.card import ModelCard
from birdedge.edge.times import Stamp


@dataclass(frozen=True, eq=False)
class CutClip:
    """A piece of a stream, ready to be written."""

    stamp: Stamp  # of the first sample
    sample_rate_hz: int
    samples: NDArray[np.int16]  # [samples, channels]
    lost_samples: int  # samples that were not recorded and are silence
    events: Mapping[int, Event]  # by number, in the order of the stream
    device: str  # the name of the microphone
    card: ModelCard  # of the model that found the events
    mask: NDArray[np.uint8]  # [frames, bins]; no frames if no file needs the mask
    first_frame_s: float  # centre of the first mask frame, in seconds after the first sample
    erase_speech: bool = False  # people speak in it, and the speech band is not written

    @property
    def first_sample(self) -> int:
        """The first sample, since the start of the stream."""
        return self.stamp.sample

    @property
    def utc(self) -> datetime:
        """UTC of the first sample; for a stream without a clock, seconds since its start."""
        stamp = self.stamp
        return datetime.fromtimestamp(stamp.boot_s if stamp.utc_s is None else stamp.utc_s, UTC)

    @property
    def score(self) -> float:
        """The highest score of the events; 0 if there are none."""
        return max((event.score for event in self.events.values()), default=0.0)

    @property
    def band_hz(self) -> tuple[float, float]:
        """The lowest and the highest frequency of the events; there must be at least one."""
        return min(e.low_hz for e in self.events.values()), max(e.high_hz for e in self.events.values())


@dataclass(frozen=True)
class Clip:
    """A clip on disk."""

    path: Path  # of the audio file
    utc: datetime  # of the first sample, by the clock at the time of writing
    sample_rate_hz: int
    first_sample: int  # since the start of the stream
    samples: int
    lost_samples: int
    events: tuple[int, ...]  # numbers of its events
    size_bytes: int  # of all its files
    score: float  # highest score of its events
    # Of the first sample; None if the clip was read from disk.
    stamp: Stamp | None = field(default=None, compare=False)
