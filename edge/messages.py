"""Messages: everything that happens in a stream, each stamped by its `Timekeeper`, and the sinks that take them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.event import Event
from birdedge.edge.gap import GapCause
from birdedge.edge.health import Health
from birdedge.edge.output import PipelineOutput
from birdedge.edge.times import ClockReading, Stamp


@dataclass(frozen=True)
class StreamStarted:
    """A source was opened; its samples are counted from 0."""

    stamp: Stamp
    source: str
    sample_rate_hz: int
    channels: int
    channel: int | None = None  # the one that is analysed, from 0; None for the mean of all


@dataclass(frozen=True)
class StreamEnded:
    """The last message of a stream, with its totals."""

    stamp: Stamp
    sample_rate_hz: int
    heard_samples: int
    lost_samples: int
    gaps: int
    nonfinite_samples: int  # NaN or infinite, taken as 0
    nonfinite_chunks: int  # for which the network gave NaN; their mask is empty
    silent_samples: int = 0  # of digital silence
    warnings: tuple[str, ...] = ()  # what may be wrong with the samples: a sentence each


@dataclass(frozen=True)
class AudioHeard:
    """All audio from `span` to `stamp` was heard and analysed without a gap; sent twice per second of audio."""

    stamp: Stamp
    span: Stamp  # known more exactly as time passes
    reading: ClockReading | None  # of the clocks when the sample of `stamp` had arrived


@dataclass(frozen=True)
class GapStarted:
    """Nothing is heard after `stamp`, until `GapEnded` or the next stream."""

    stamp: Stamp
    cause: GapCause


@dataclass(frozen=True)
class GapEnded:
    """Audio is heard again, from `stamp` on."""

    stamp: Stamp
    cause: GapCause


@dataclass(frozen=True)
class SamplesLost:
    """Samples were lost between two stamps, and audio goes on."""

    stamp: Stamp
    until: Stamp
    cause: GapCause


@dataclass(frozen=True, eq=False)
class FramesReady:
    """One step of the pipeline: what went in and what came out."""

    stamp: Stamp  # of the end of the audio
    first_frame: int  # of output.mask, since the stream began
    output: PipelineOutput
    audio: NDArray[np.float32]  # [samples, channels] that were pushed
    lost_samples: int = 0  # in place of audio


@dataclass(frozen=True, eq=False)
class EventDetected:
    """An event closed."""

    onset: Stamp
    offset: Stamp
    event: Event


@dataclass(frozen=True, eq=False)
class RegionRejected:
    """A region of the mask closed that is not an event; its `reason` says why."""

    onset: Stamp
    offset: Stamp
    event: Event


@dataclass(frozen=True)
class ClipWritten:
    """A clip is on disk, whole and under its final name."""

    path: str  # relative to the folder of the database
    stamp: Stamp  # of its first sample
    samples: int
    size_bytes: int  # of all its files
    score: float


@dataclass(frozen=True)
class ClipFound:
    """A clip is on disk and may have no row, because power was lost or the database was."""

    path: str
    utc: datetime  # of its first sample, as the clip itself says
    sample_rate_hz: int
    first_sample: int
    samples: int
    size_bytes: int
    score: float


@dataclass(frozen=True)
class ClipDeleted:
    """A clip was deleted."""

    path: str


@dataclass(frozen=True)
class LoadLevelChanged:
    """The recorder analyses less, or more again."""

    stamp: Stamp
    level: str


@dataclass(frozen=True)
class HealthReported:
    """The health of the recorder; only the latest counts."""

    stamp: Stamp
    health: Health


@dataclass(frozen=True)
class RunEnded:
    """The recorder stops cleanly."""

    stamp: Stamp


Message = (
    StreamStarted
    | StreamEnded
    | AudioHeard
    | GapStarted
    | GapEnded
    | SamplesLost
    | FramesReady
    | EventDetected
    | RegionRejected
    | ClipWritten
    | ClipFound
    | ClipDeleted
    | LoadLevelChanged
    | HealthReported
    | RunEnded
)


class Sink(Protocol):
    """Anything that takes messages: a database, a table, a console."""

    def write(self, message: Message) -> None:
        """Take a message; those that mean nothing to this sink are ignored."""

    def close(self) -> None:
        """Finish what was started; closing twice does nothing."""
