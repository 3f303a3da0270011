"""The times of a recording that is heard as if it were live."""

from __future__ import annotations

from dataclasses import replace

from birdedge.edge.messages import EventDetected, FramesReady, Message, Sink, StreamStarted
from birdedge.edge.pipeline.timekeeper import recording_clock


class RecordingTimeSink:
    """Passes on messages with the times of the recording, not the times at which it is heard.

    Args:
        sink: receives the messages.
        start_utc_s: UTC at the start of the recording; None if it is unknown.
    """

    def __init__(self, sink: Sink, start_utc_s: float | None) -> None:
        self._sink, self._clock = sink, recording_clock(start_utc_s)

    def write(self, message: Message) -> None:
        """Pass the message on."""
        stamp = self._clock.stamp
        match message:
            case StreamStarted():
                self._clock.begin_stream(message.sample_rate_hz)
                self._sink.write(replace(message, stamp=stamp(0)))
            case FramesReady():
                self._sink.write(replace(message, stamp=stamp(message.stamp.sample)))
            case EventDetected():
                onset, offset = stamp(message.onset.sample), stamp(message.offset.sample)
                self._sink.write(replace(message, onset=onset, offset=offset))
            case _:
                self._sink.write(message)

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()
