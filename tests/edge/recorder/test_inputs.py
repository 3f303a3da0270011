"""When the configuration is read again, a source that cannot start again continues, and a replaced one ends."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from birdedge.edge.audio.live_stream import LiveStream
from birdedge.edge.recorder import inputs
from birdedge.edge.recorder.config import Config, source_config
from birdedge.edge.recorder.inputs import SourceInput
from birdedge.edge.recorder.source_settings import SourceSettings
from tests.support.waiting import wait_until

OPEN_S = 10.0
STDIN, DEMO = SourceSettings("pipe", stdin=True), SourceSettings("pipe", demo=True)


@pytest.fixture
def stop() -> Iterator[threading.Event]:
    """Return an event that is set after some time, so that a test without audio fails and does not wait for it."""
    stop = threading.Event()
    timer = threading.Timer(OPEN_S, stop.set)
    timer.start()
    yield stop
    timer.cancel()


@pytest.fixture
def make(stop: threading.Event) -> Iterator[SourceInput]:
    make = SourceInput(stop)
    yield make
    make.end()


@pytest.fixture
def send(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Send a number of bytes to standard input."""
    reader, writer = os.pipe()
    monkeypatch.setattr(inputs, "standard_input", lambda: os.fdopen(reader, "rb", 0, closefd=False))

    def send(count: int) -> None:
        os.write(writer, bytes(count))

    yield send
    os.close(writer)
    os.close(reader)


def config_of(source: SourceSettings, **changes: Any) -> Config:
    """Return the configuration of a source with other settings."""
    return source_config(Config(sample_rate_hz=16_000, source=(replace(source, **changes),)), source.name)


def opened(make: SourceInput, config: Config) -> LiveStream:
    stream = cast(LiveStream, make(config))
    stream.open()
    return stream


@pytest.mark.parametrize("source", [STDIN, DEMO, SourceSettings("pipe", path="missing.wav")])
@pytest.mark.parametrize("change", [{"gain_db": 6.0}, {"site": "the pond"}, {"channel": 0}])
def test_a_source_continues_when_a_setting_changes_that_does_not_concern_its_input(
    make: SourceInput, source: SourceSettings, change: dict[str, Any]
) -> None:
    assert make(config_of(source, **change)) is make(config_of(source))


@pytest.mark.parametrize(
    ("change", "frame_bytes"),
    [({"sample_rate_hz": 8000}, 2), ({"sample_format": "s32le"}, 4), ({"channels": 2}, 4)],
)
def test_standard_input_in_another_format_is_heard_in_full(
    make: SourceInput, send: Callable[[int], None], change: dict[str, Any], frame_bytes: int
) -> None:
    send(1600)
    before = opened(make, config_of(STDIN))
    wait_until(lambda: before.delivered_samples == 800)
    after = cast(LiveStream, make(config_of(STDIN, **change)))
    for _ in range(4):
        send(1600)
    after.open()
    wait_until(lambda: after.delivered_samples == 4 * 1600 // frame_bytes, 10.0)
    assert before.delivered_samples == 800


def test_standard_input_is_heard_in_full_by_a_source_that_replaces_another(
    make: SourceInput, stop: threading.Event, send: Callable[[int], None]
) -> None:
    send(1600)
    before = opened(make, config_of(STDIN))
    wait_until(lambda: before.delivered_samples == 800)
    make.end()
    for _ in range(4):
        send(1600)
    after = opened(make_other := SourceInput(stop), config_of(replace(STDIN, name="other")))
    wait_until(lambda: after.delivered_samples == 3200, 10.0)
    make_other.end()


def test_the_thread_of_a_replaced_source_ends(make: SourceInput, send: Callable[[int], None]) -> None:
    def captures() -> int:
        return sum(thread.name == "capture" for thread in threading.enumerate())

    before = captures()
    send(1600)
    for source in (STDIN, DEMO, STDIN, DEMO):
        send(1600)
        opened(make, config_of(source))
    assert captures() == before + 1
    make.end()
    assert captures() == before
