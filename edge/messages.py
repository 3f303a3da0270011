"""Messages: everything that happens in a stream, each stamped by its `Timekeeper`, and the sinks that receive them."""

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
    channel: int | None = None  # the analysed channel, from 0; None for the mean of all


@dataclass(frozen=True)
class StreamEnded:
    """The last message of a stream, with its totals."""

    stamp: Stamp
    sample_rate_hz: int
    heard_samples: int
    lost_samples: int
    gaps: int
    nonfinite_samples: int  # NaN or infinite, treated as 0
    nonfinite_chunks: int  # chunks for which the network returned NaN; their mask is empty
    silent_samples: int = 0  # samples of digital silence
    warnings: tuple[str, ...] = ()  # one sentence for each possible problem with the samples


@dataclass(frozen=True)
class AudioHeard:
    """All audio from `span` to `stamp` was heard and analysed without a gap; sent twice per second of audio."""

    stamp: Stamp
    span: Stamp  # the start; it becomes more exact as time passes
    reading: ClockReading | None  # the clocks when the sample of `stamp` had arrived


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
    """Samples were lost between two stamps, and audio continues."""

    stamp: Stamp
    until: Stamp
    cause: GapCause


@dataclass(frozen=True, eq=False)
class FramesReady:
    """One step of the pipeline: what went in and what came out."""

    stamp: Stamp  # the end of the audio
    first_frame: int  # number of the first frame of output.mask, from the start of the stream
    output: PipelineOutput
    audio: NDArray[np.float32]  # [samples, channels] that were pushed
    lost_samples: int = 0  # instead of audio


@dataclass(frozen=True, eq=False)
class EventDetected:
    """An event closed."""

    onset: Stamp
    offset: Stamp
    event: Event


@dataclass(frozen=True, eq=False)
class RegionRejected:
    """A region of the mask closed but is not an event; its `reason` says why."""

    onset: Stamp
    offset: Stamp
    event: Event


@dataclass(frozen=True)
class ClipWritten:
    """A clip is on disk, complete and under its final name."""

    path: str  # relative to the folder of the database
    stamp: Stamp  # the time of its first sample
    samples: int
    size_bytes: int  # the total of all its files
    score: float


@dataclass(frozen=True)
class ClipFound:
    """A clip on disk may lack its row, because power or the database was lost."""

    path: str
    utc: datetime  # time of its first sample, as stored in the clip
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
        """Handle a message; a sink ignores messages that mean nothing to it."""

    def close(self) -> None:
        """Finish what was started; closing twice does nothing."""
