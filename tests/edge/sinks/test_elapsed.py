"""Events of several streams share one time axis: seconds since the first stream started, at the true rate."""

from __future__ import annotations

import pytest

from birdedge.edge.messages import EventDetected, Message, StreamStarted
from birdedge.edge.sinks.elapsed import ElapsedTime
from tests.support.frames import detected, stream_started
from tests.support.streams import Clocks, MessageStream


def test_events_of_a_recording_keep_their_times() -> None:
    elapsed = ElapsedTime()
    assert elapsed.start(stream_started()) == 0.0
    message = detected(0.1 + 0.2)
    assert elapsed.event(message).onset_s == message.event.onset_s
    assert elapsed.event(message).offset_s == message.event.offset_s


def test_events_of_a_later_stream_are_shifted_by_the_time_between_the_starts() -> None:
    elapsed = ElapsedTime()
    assert elapsed.start(stream_started(1000.0)) == 0.0
    assert elapsed.event(detected(2.0, 1000.0)).onset_s == pytest.approx(2.0)
    assert elapsed.start(stream_started(1060.5)) == pytest.approx(60.5)
    event = elapsed.event(detected(2.0, 1060.5))
    assert [event.onset_s, event.offset_s] == pytest.approx([62.5, 63.0])
    assert elapsed.start(stream_started(1100.0)) == pytest.approx(100.0)


@pytest.mark.parametrize("drift", [100e-6, -100e-6])
def test_events_follow_the_true_rate_of_the_microphone(drift: float) -> None:
    elapsed = ElapsedTime()
    elapsed.start(stream_started(1000.0))
    event = elapsed.event(detected(86_400.0, 1000.0, drift))
    assert event.onset_s == pytest.approx(86_400.0 * (1 - drift))
    assert event.duration_s == pytest.approx(0.5)


def test_an_event_after_a_day_of_drift_has_the_time_of_the_clock() -> None:
    elapsed = ElapsedTime()
    clocks = Clocks()
    events = []

    def write(message: Message) -> None:
        if isinstance(message, StreamStarted):
            elapsed.start(message)
        elif isinstance(message, EventDetected):
            events.append(elapsed.event(message))

    stream = MessageStream(write, clocks, drift=80e-6)
    stream.hear(86_400, every_s=600.0)
    stream.detect(80_000 * (1 + 80e-6))  # the nominal time of a sound at 80,000 s
    assert events[0].onset_s == pytest.approx(80_000.0, abs=0.05)
