"""Events in seconds since the first stream started, by the timekeeper."""

from __future__ import annotations

from dataclasses import replace

from birdedge.edge.event import Event
from birdedge.edge.messages import EventDetected, StreamStarted


class ElapsedTime:
    """Places the events of several streams on one axis; those of a recording stay where they are."""

    def __init__(self) -> None:
        self._first: StreamStarted | None = None
        self._sample_rate_hz = 1

    def start(self, stream: StreamStarted) -> float:
        """Begin a stream; return how many seconds after the first one."""
        self._first = self._first or stream
        self._sample_rate_hz = stream.sample_rate_hz
        return stream.stamp.boot_s - self._first.stamp.boot_s

    def event(self, message: EventDetected) -> Event:
        """Return the event with onset and offset in elapsed seconds."""
        onset = message.onset
        if self._first is None or onset.utc_s is None:
            return message.event
        elapsed_s = onset.boot_s - self._first.stamp.boot_s
        shift_s = elapsed_s - onset.sample / self._sample_rate_hz
        event = message.event
        return replace(event, onset_s=event.onset_s + shift_s, offset_s=event.offset_s + shift_s)
