"""A background sink may hang: nothing waits for it, memory is bounded, and times stay right."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.messages import EventDetected, FramesReady, Message
from birdedge.edge.output import DenoisedAudio
from birdedge.edge.sinks import background
from birdedge.edge.sinks.background import BackgroundSink
from birdedge.edge.sinks.retrying import RetryingSink
from tests.support.frames import detected, frames, stream_ended, stream_started
from tests.support.waiting import wait_until


class Hanging:
    """A sink that accepts nothing until it is released."""

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.released, self.closed = threading.Event(), False
        self.error: Exception | None = None

    def write(self, message: Message) -> None:
        self.released.wait(4)
        if self.error is not None:
            raise self.error
        self.taken.append(message)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def inner() -> Iterator[Hanging]:
    hanging = Hanging()
    yield hanging
    hanging.released.set()


def sink_of(inner: Hanging, close_s: float = 10.0) -> BackgroundSink:
    return BackgroundSink(RetryingSink(inner), "tables", close_s)


def audible(count: int) -> FramesReady:
    """Return frames of sound with denoised audio."""
    message = frames(count, 9)
    samples = np.ones((256 * count, 1), np.float32)
    return replace(message, output=replace(message.output, denoised=DenoisedAudio(samples, 32_000)))


def length(taken: list[Message]) -> tuple[int, int]:
    """Return the number of frames and of denoised samples in all messages, empty or not."""
    outputs = [message.output for message in taken if isinstance(message, FramesReady)]
    samples = [len(o.denoised.samples) + o.denoised.lost_samples for o in outputs if o.denoised is not None]
    return sum(len(o.mask) + o.empty_frames for o in outputs), sum(samples)


def test_messages_arrive_in_their_order(inner: Hanging) -> None:
    sink = sink_of(inner)
    messages: list[Message] = [stream_started(), frames(5, 7), detected(0.1), frames(5, 8), stream_ended(1.0)]
    for message in messages:
        sink.write(message)
    inner.released.set()
    sink.close()
    assert inner.closed
    assert [type(message) for message in inner.taken] == [type(message) for message in messages]
    assert [m.output.mask[0, 0] for m in inner.taken if isinstance(m, FramesReady)] == [7, 8]


def test_a_hanging_sink_blocks_nothing_and_uses_bounded_memory(
    inner: Hanging, caplog: pytest.LogCaptureFixture
) -> None:
    sink = sink_of(inner)
    began_s, count = time.monotonic(), 1000
    for n in range(count):
        sink.write(audible(32))
        if n % 100 == 0:
            sink.write(detected(0.1))
    assert time.monotonic() - began_s < 5
    assert sum(m.output.mask.nbytes for m in sink._waiting if isinstance(m, FramesReady)) < 8e6
    assert len(sink._waiting) < 400
    assert sink.problem == "tables cannot be written as fast as results arrive: check its disk or reader"
    assert caplog.messages == [sink.problem]
    inner.released.set()
    wait_until(lambda: sink.problem is None)
    sink.write(frames(5, 8))
    sink.close()
    assert length(inner.taken) == (32 * count + 5, 32 * 256 * count)
    last = [m for m in inner.taken if isinstance(m, FramesReady)][-1]
    assert (last.output.mask == 8).all()


def test_events_are_kept_when_frames_fill_the_memory(inner: Hanging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "MAX_WAITING_BYTES", 100_000)
    sink = sink_of(inner)
    for _ in range(100):
        sink.write(frames(32))
    for _ in range(20):
        sink.write(detected(0.1))
    inner.released.set()
    sink.close()
    assert sum(isinstance(message, EventDetected) for message in inner.taken) == 20


def test_data_that_no_output_needs_is_not_held(inner: Hanging) -> None:
    sink = sink_of(inner)
    message = detected(0.1)
    event = replace(message.event, mask=np.ones((9, 9), np.uint8))
    sink.write(replace(message, event=event))
    sink.write(replace(frames(5), audio=np.ones((999, 2), np.float32)))
    inner.released.set()
    sink.close()
    first, second = inner.taken
    assert isinstance(first, EventDetected)
    assert first.event.mask.size == 0
    assert isinstance(second, FramesReady)
    assert (second.audio.size, second.output.level.size) == (0, 0)
    assert len(second.output.mask) == 5


def test_closing_does_not_wait_for_a_hanging_sink(inner: Hanging, caplog: pytest.LogCaptureFixture) -> None:
    sink = sink_of(inner, close_s=0.2)
    for _ in range(3):
        sink.write(detected(0.1))
    began_s = time.monotonic()
    sink.close()
    assert time.monotonic() - began_s < 2
    assert caplog.messages == ["tables: 2 message(s) could not be written at the end"]


def test_an_error_that_waiting_cannot_fix_is_raised(inner: Hanging) -> None:
    sink = sink_of(inner)
    inner.error = OutputError("no folder")
    inner.released.set()
    sink.write(stream_started())
    with pytest.raises(OutputError, match="no folder"):
        sink.close()
    sink.close()


def test_an_optional_sink_reports_no_problem(
    inner: Hanging, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(background, "MAX_WAITING_BYTES", 2000)
    sink = BackgroundSink(RetryingSink(inner), "standard output", 10.0, optional=True)
    inner.error = DiskError("standard output cannot be written: Broken pipe")
    for second in range(5):
        sink.write(detected(float(second)))
    assert sink.problem is None
    inner.released.set()
    sink.close()
    assert sink.problem is None
    assert [record.getMessage() for record in caplog.records] == [
        "standard output cannot be written as fast as results arrive: check its disk or reader",
        "standard output cannot be written: Broken pipe",
    ]


def test_a_failing_disk_is_a_problem_and_not_an_error(inner: Hanging) -> None:
    sink = sink_of(inner)
    inner.error = DiskError("no room")
    inner.released.set()
    sink.write(frames(1))
    wait_until(lambda: sink.problem == "no room")
    inner.error = None
    sink.write(frames(1))
    wait_until(lambda: sink.problem is None)
    sink.close()


def test_unwritten_frames_wake_the_thread_once_per_second_and_keep_their_time(
    inner: Hanging,
) -> None:
    sink = BackgroundSink(RetryingSink(inner), "tables", 10.0, writes_frames=False)
    inner.released.set()
    for _ in range(8):
        sink.write(frames(16, 9))
    wait_until(lambda: length(inner.taken)[0] == 128)
    for _ in range(7):
        sink.write(frames(16, 9))
    time.sleep(0.05)
    assert len(inner.taken) == 1
    sink.write(detected(0.1))
    wait_until(lambda: len(inner.taken) == 3)
    sink.close()
    assert isinstance(inner.taken[-1], EventDetected)
    assert length(inner.taken)[0] == 240
    assert sum(len(m.output.mask) for m in inner.taken if isinstance(m, FramesReady)) == 0
