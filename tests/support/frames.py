"""Messages of a stream with frames and events that a test chooses."""

from __future__ import annotations

import numpy as np

from birdedge.edge.event import Event
from birdedge.edge.messages import EventDetected, FramesReady, StreamEnded, StreamStarted
from birdedge.edge.output import DenoisedAudio, PipelineOutput
from birdedge.edge.times import Stamp
from tests.support.streams import event

RATE_HZ = 32_000
BINS = 256


def stamp(at_s: float, stream_s: float = 0.0, drift: float = 0.0) -> Stamp:
    """Return the stamp of a sample by its nominal time; the stream started at `stream_s` on the boot clock."""
    sample = round(at_s * RATE_HZ)
    elapsed_s = sample / RATE_HZ * (1 - drift)
    return Stamp(sample, elapsed_s, stream_s + elapsed_s, None, 0.2, False)


def stream_started(stream_s: float = 0.0, source: str = "mic", channels: int = 1) -> StreamStarted:
    """Return the start of a stream."""
    return StreamStarted(stamp(0.0, stream_s), source, RATE_HZ, channels)


def stream_ended(
    at_s: float,
    stream_s: float = 0.0,
    *,
    lost_s: float = 0.0,
    gaps: int = 0,
    nonfinite: tuple[int, int] = (0, 0),
    silent_s: float = 0.0,
) -> StreamEnded:
    """Return the end of a stream; `nonfinite` counts samples and chunks."""
    heard, lost, silent = (round(s * RATE_HZ) for s in (at_s - lost_s, lost_s, silent_s))
    return StreamEnded(stamp(at_s, stream_s), RATE_HZ, heard, lost, gaps, *nonfinite, silent)


def frames(
    count: int, value: int = 0, denoised: DenoisedAudio | None = None, events: tuple[Event, ...] = ()
) -> FramesReady:
    """Return frames whose mask is `value` everywhere."""
    mask = np.full((count, BINS), value, np.uint8)
    output = PipelineOutput(mask, np.zeros((count, BINS), np.float32), list(events), denoised)
    return FramesReady(stamp(0.0), 0, output, np.zeros((256 * count, 1), np.float32))


def detected(onset_s: float, stream_s: float = 0.0, drift: float = 0.0) -> EventDetected:
    """Return an event of half a second."""
    found = event(onset_s)
    return EventDetected(stamp(found.onset_s, stream_s, drift), stamp(found.offset_s, stream_s, drift), found)
