"""A failing sink does not keep messages from the others."""

from __future__ import annotations

import pytest

from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.messages import Message
from birdedge.edge.sinks.sink import SinkGroup
from tests.support.frames import frames, stream_started


class Listed:
    """A sink that keeps its messages, and raises its error if it has one."""

    def __init__(self, calls: list[str], name: str, error: BaseException | None = None) -> None:
        self.messages: list[Message] = []
        self._calls, self._name, self._error = calls, name, error

    def write(self, message: Message) -> None:
        self.messages.append(message)
        self._calls.append(self._name)
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        self._calls.append(f"close {self._name}")
        if self._error is not None:
            raise self._error


def test_each_message_goes_to_all_sinks_in_order() -> None:
    calls: list[str] = []
    sinks = [Listed(calls, name) for name in "abc"]
    group = SinkGroup(iter(sinks))
    messages: list[Message] = [stream_started(), frames(1)]
    for message in messages:
        group.write(message)
    group.close()
    assert all(sink.messages == messages for sink in sinks)
    assert calls == ["a", "b", "c", "a", "b", "c", "close a", "close b", "close c"]


def test_a_failing_sink_does_not_starve_the_others_and_its_error_is_raised_last() -> None:
    calls: list[str] = []
    disk = DiskError("no room")
    bug = ValueError("a bug")
    group = SinkGroup(
        [Listed(calls, "a"), Listed(calls, "b", disk), Listed(calls, "c", bug), Listed(calls, "d")]
    )
    for _ in range(2):  # it gets the next message too
        with pytest.raises(OutputError) as caught:
            group.write(frames(1))
        assert caught.value is disk
    assert calls == [*"abcd", *"abcd"]


def test_all_sinks_are_closed_even_if_one_fails() -> None:
    calls: list[str] = []
    disk = DiskError("no room")
    group = SinkGroup([Listed(calls, "a", disk), Listed(calls, "b"), Listed(calls, "c", ValueError("a bug"))])
    with pytest.raises(DiskError) as caught:
        group.close()
    assert caught.value is disk
    assert calls == ["close a", "close b", "close c"]


def test_an_interrupt_is_raised_at_once() -> None:
    calls: list[str] = []
    group = SinkGroup([Listed(calls, "a", KeyboardInterrupt()), Listed(calls, "b")])
    with pytest.raises(KeyboardInterrupt):
        group.write(frames(1))
    assert calls == ["a"]


def test_a_group_without_sinks_accepts_every_message() -> None:
    SinkGroup([]).write(frames(1))
    SinkGroup([]).close()
