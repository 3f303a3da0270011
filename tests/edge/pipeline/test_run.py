"""`run` turns the blocks of a source into messages, in order, and loses nothing at the end of the stream."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from birdedge.edge.audio.sources import array_source
from birdedge.edge.block import Block
from birdedge.edge.errors import DeviceLostError, OutputError
from birdedge.edge.messages import (
    AudioHeard,
    EventDetected,
    FramesReady,
    GapEnded,
    GapStarted,
    Message,
    SamplesLost,
    StreamEnded,
    StreamStarted,
)
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.collector import Collector
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.times import ClockReading
from tests.support.sources import MessageLog, ScriptedSource

RATE_HZ = 32_000
BOOT_S, UTC_S = 500.0, 1.7e9


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    return soundscape(12.0, seed=20, calls_per_minute=60).samples[:, np.newaxis]


def clock(boot_s: float) -> ClockReading:
    return ClockReading(boot_s, UTC_S + boot_s - BOOT_S, True)


def live(audio: np.ndarray, step: int, start_s: float = BOOT_S) -> list[Block]:
    """Return audio in blocks; each arrives when its last sample was recorded."""
    return [
        Block(audio[at : at + step], arrived=clock(start_s + min(at + step, len(audio)) / RATE_HZ))
        for at in range(0, len(audio), step)
    ]


def messages(
    model: Model, script: Sequence[Block | Exception], keeper: Timekeeper | None = None
) -> MessageLog:
    log = MessageLog()
    run(ScriptedSource(script), Pipeline(model, RATE_HZ, 1), log, threading.Event(), keeper)
    return log


@pytest.mark.parametrize("step", [1000, 4096, 31_999, 10**9])
def test_frames_and_events_equal_those_of_a_pipeline_without_messages(
    model: Model, audio: np.ndarray, step: int
) -> None:
    pipeline = Pipeline(model, RATE_HZ, 1)
    outputs = [pipeline.push(audio), pipeline.flush()]
    log = messages(model, live(audio, step))
    frames = log.of(FramesReady)
    np.testing.assert_array_equal(
        np.concatenate([message.output.mask for message in frames]),
        np.concatenate([output.mask for output in outputs]),
    )
    np.testing.assert_array_equal(np.concatenate([message.audio for message in frames]), audio)
    starts = np.cumsum([0, *(len(message.output.mask) for message in frames)])
    assert [message.first_frame for message in frames] == starts[:-1].tolist()
    expected = [event.onset_s for output in outputs for event in output.events]
    assert len(expected) >= 5
    found = log.of(EventDetected)
    assert [message.event.onset_s for message in found] == expected
    for message in found:
        assert message.onset.sample == round(message.event.onset_s * RATE_HZ)
        assert message.onset.utc_s == pytest.approx(UTC_S + message.event.onset_s, abs=1e-6)
        assert message.offset.boot_s == pytest.approx(BOOT_S + message.event.offset_s, abs=1e-6)


def test_the_first_message_names_the_source_and_the_last_has_the_totals(
    model: Model, audio: np.ndarray
) -> None:
    log = messages(model, live(audio, 4000))
    first, last = log.messages[0], log.messages[-1]
    assert isinstance(first, StreamStarted)
    assert (first.source, first.sample_rate_hz, first.channels) == ("script", RATE_HZ, 1)
    assert first.stamp.sample == 0
    assert first.stamp.boot_s == pytest.approx(BOOT_S)
    assert isinstance(last, StreamEnded)
    assert (last.heard_samples, last.lost_samples, last.gaps) == (len(audio), 0, 0)
    assert last.stamp.sample == len(audio)
    assert log.closed == 0


def test_audio_is_reported_twice_per_second(model: Model, audio: np.ndarray) -> None:
    heard = messages(model, live(audio, 1600)).of(AudioHeard)
    assert [message.stamp.sample for message in heard] == list(range(16_000, len(audio) + 1, 16_000))
    assert all(message.span.sample == 0 and message.reading is not None for message in heard)


def test_lost_samples_are_a_gap_and_the_stream_continues(model: Model, audio: np.ndarray) -> None:
    before, after = live(audio, 4000), live(audio, 4000, BOOT_S + 12.5)
    after[0] = Block(after[0].samples, RATE_HZ // 2, "overrun", after[0].arrived)
    log = messages(model, [*before, *after])
    (lost,) = log.of(SamplesLost)
    assert (lost.stamp.sample, lost.until.sample) == (len(audio), len(audio) + RATE_HZ // 2)
    assert lost.until.boot_s - lost.stamp.boot_s == pytest.approx(0.5)
    assert lost.cause == "overrun"
    assert [m.lost_samples for m in log.of(FramesReady) if m.lost_samples] == [RATE_HZ // 2]
    end = log.messages[-1]
    assert isinstance(end, StreamEnded)
    assert (end.heard_samples, end.lost_samples, end.gaps) == (2 * len(audio), RATE_HZ // 2, 1)
    assert log.of(AudioHeard)[-1].span == lost.until


@pytest.mark.parametrize("late_s", [0.0, 0.4])
def test_the_gap_of_a_lost_device_is_measured_by_the_clock_even_if_the_last_audio_before_it_was_read_late(
    model: Model, audio: np.ndarray, late_s: float
) -> None:
    nothing, before = audio[:0], live(audio, 4000)
    before[-1] = replace(before[-1], arrived=clock(BOOT_S + 12.0 + late_s))
    after = live(audio, 4000, BOOT_S + 12.0 + 20.0)
    after[0] = Block(after[0].samples, 19 * RATE_HZ, "device lost", after[0].arrived)  # a wrong guess
    log = messages(model, [*before, Block(nothing, gap_cause="device lost"), *after])
    kinds = [type(m) for m in log.messages if isinstance(m, GapStarted | GapEnded)]
    assert kinds == [GapStarted, GapEnded]
    (started,), (ended,) = log.of(GapStarted), log.of(GapEnded)
    assert (started.stamp.sample, started.cause, ended.cause) == (len(audio), "device lost", "device lost")
    assert ended.stamp.boot_s - started.stamp.boot_s == pytest.approx(20.0, abs=1e-3)
    assert ended.stamp.sample - started.stamp.sample == 20 * RATE_HZ
    assert [m.lost_samples for m in log.of(FramesReady) if m.lost_samples] == [20 * RATE_HZ]
    last = log.of(EventDetected)[-1]
    since_s = last.event.onset_s - 12.0 - 20.0
    assert last.onset.utc_s == pytest.approx(UTC_S + 12.0 + 20.0 + since_s, abs=1e-3)


def test_audio_before_an_error_is_analysed_and_the_error_is_raised(model: Model, audio: np.ndarray) -> None:
    log, whole = MessageLog(), messages(model, live(audio, 4000))
    source = ScriptedSource([*live(audio, 4000), DeviceLostError("unplugged")])
    with pytest.raises(DeviceLostError, match="unplugged"):
        run(source, Pipeline(model, RATE_HZ, 1), log, threading.Event())
    assert [type(message) for message in log.messages] == [type(message) for message in whole.messages]


def test_a_source_that_fails_at_once_sends_no_message(model: Model) -> None:
    log = MessageLog()
    with pytest.raises(DeviceLostError):
        run(ScriptedSource([DeviceLostError("gone")]), Pipeline(model, RATE_HZ, 1), log, threading.Event())
    assert log.messages == []


def test_a_source_without_audio_gives_a_stream_without_audio(model: Model) -> None:
    assert [type(m) for m in messages(model, []).messages] == [StreamStarted, FramesReady, StreamEnded]


def test_an_error_of_a_sink_ends_the_run(model: Model, audio: np.ndarray) -> None:
    class Full(MessageLog):
        def write(self, message: Message) -> None:
            super().write(message)
            if isinstance(message, FramesReady):
                raise OutputError("disk full")

    log = Full()
    with pytest.raises(OutputError, match="disk full"):
        run(ScriptedSource(live(audio, 4000)), Pipeline(model, RATE_HZ, 1), log, threading.Event())
    assert len(log.of(FramesReady)) == 1


def test_stop_ends_the_stream_with_its_totals(model: Model, audio: np.ndarray) -> None:
    stop, log = threading.Event(), MessageLog()

    class StopsAfterTwoSeconds(MessageLog):
        def write(self, message: Message) -> None:
            log.write(message)
            if isinstance(message, AudioHeard) and message.stamp.elapsed_s >= 2.0:
                stop.set()

    run(ScriptedSource(live(audio, 1600)), Pipeline(model, RATE_HZ, 1), StopsAfterTwoSeconds(), stop)
    end = log.messages[-1]
    assert isinstance(end, StreamEnded)
    assert end.heard_samples == 2 * RATE_HZ


def test_a_live_source_gets_the_block_length_that_the_network_waits_for(
    model: Model, audio: np.ndarray
) -> None:
    source = ScriptedSource(live(audio, 1600))
    run(source, Pipeline(model, RATE_HZ, 1), MessageLog(), threading.Event())
    assert len(source.min_blocks) == len(live(audio, 1600))
    assert 1 <= min(source.min_blocks) < max(source.min_blocks) <= 0.15 * RATE_HZ


def test_a_recording_has_exactly_the_nominal_time(model: Model, audio: np.ndarray) -> None:
    log = MessageLog()
    run(array_source(audio, RATE_HZ), Pipeline(model, RATE_HZ, 1), log, threading.Event())
    for message in log.of(EventDetected):
        assert message.onset.elapsed_s == message.onset.sample / RATE_HZ
        assert message.onset.utc_s is None


def test_a_collector_returns_the_output_of_all_messages(model: Model, audio: np.ndarray) -> None:
    log, collector = messages(model, live(audio, 4000)), Collector()
    for message in log.messages:
        collector.write(message)
    output = collector.output()
    frames = log.of(FramesReady)
    np.testing.assert_array_equal(output.mask, np.concatenate([m.output.mask for m in frames]))
    np.testing.assert_array_equal(output.level, np.concatenate([m.output.level for m in frames]))
    assert output.events == [m.event for m in log.of(EventDetected)]
