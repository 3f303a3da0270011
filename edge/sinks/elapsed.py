"""Events of several streams on one time axis."""

from __future__ import annotations

from dataclasses import replace

from birdedge.edge.event import Event
from birdedge.edge.messages import EventDetected, StreamStarted
from birdedge.edge.times import Stamp


class ElapsedTime:
    """Places events in seconds since an origin; events of a recording keep their times.

    Args:
        origin: A moment within the first stream; by default its start.
    """

    def __init__(self, origin: Stamp | None = None) -> None:
        self._origin = origin
        self._stream_s = 0.0  # start of the present stream
        self._nominal_stream_s = 0.0  # the same, by the nominal rate
        self._sample_rate_hz = 1

    def start(self, stream: StreamStarted) -> float:
        """Begin a stream; return its start in seconds since the origin."""
        self._origin = self._origin or stream.stamp
        self._sample_rate_hz = stream.sample_rate_hz
        self._stream_s = self._nominal_stream_s = stream.stamp.boot_s - self._origin.boot_s
        if self._stream_s < 0:
            self._nominal_stream_s = -self._origin.sample / self._sample_rate_hz
        return self._stream_s

    def nominal_s(self, stream_s: float) -> float:
        """Convert seconds since the start of the stream to seconds since the origin, by the nominal rate."""
        return self._nominal_stream_s + stream_s

    def stretch(self, now: Stamp) -> float:
        """Return the elapsed time per second of the nominal rate, up to now; exactly 1 for a recording."""
        nominal_s = self.nominal_s(now.sample / self._sample_rate_hz)
        return (self._stream_s + now.elapsed_s) / nominal_s if nominal_s > 0 else 1.0

    def event(self, message: EventDetected) -> Event:
        """Return the event with onset and offset in elapsed seconds."""
        onset, event = message.onset, message.event
        shift_s = self._stream_s + onset.elapsed_s - onset.sample / self._sample_rate_hz
        return replace(event, onset_s=event.onset_s + shift_s, offset_s=event.offset_s + shift_s)

    def start_utc_s(self, message: EventDetected) -> float | None:
        """Return the UTC of 0 elapsed seconds, by the clock of the event; None if it is unknown."""
        onset = message.onset
        return None if onset.utc_s is None else onset.utc_s - self._stream_s - onset.elapsed_s
