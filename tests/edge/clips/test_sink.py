"""The clips of a stream are cut from its messages, and have the times of its events."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.block import Block
from birdedge.edge.clips.clip import Clip
from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.privacy import PrivacyFilter
from birdedge.edge.clips.settings import ClipSettings, PrivacySettings
from birdedge.edge.clips.sink import ClipSink
from birdedge.edge.clips.writer import ClipWriter
from birdedge.edge.messages import EventDetected, FramesReady
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.sinks.recording import OutputSettings, RecordingSink
from birdedge.edge.sinks.rotating import HOUR_S, RotatingSink
from birdedge.edge.sinks.sink import SinkGroup
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.times import ClockReading, Stamp
from tests.support.frames import RATE_HZ, stamp, stream_ended, stream_started
from tests.support.sources import MessageLog, ScriptedSource
from tests.support.waiting import wait_until

EVERYTHING = ClipSettings(keep="everything", format="wav", everything_s=1.0, min_free_mb=0.0)
BOOT_S, UTC_S = 500.0, 1.7e9


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("birdedge-int8")


def stamp_of(sample: int) -> Stamp:
    return stamp(sample / RATE_HZ)


def frames(seconds: float, lost_s: float = 0.0) -> FramesReady:
    """Return a step of the pipeline with this much audio, or with lost audio."""
    count = round((seconds + lost_s) / 0.008)
    output = PipelineOutput(np.zeros((count, 256), np.uint8), np.zeros((count, 256), np.float32), [])
    audio = np.full((round(seconds * RATE_HZ), 1), 0.25, np.float32)
    return FramesReady(stamp(0.0), 0, output, audio, round(lost_s * RATE_HZ))


def test_audio_gaps_and_the_end_reach_the_cutter(tmp_path: Path, card: ModelCard) -> None:
    clips: list[Clip] = []
    writer = ClipWriter(tmp_path, EVERYTHING, clips.append)
    sink = ClipSink(ClipCutter(EVERYTHING, writer, card, RATE_HZ, 1, stamp_of))
    for message in (stream_started(), frames(1.5), frames(0.0, lost_s=60.0), frames(1.25)):
        sink.write(message)
    wait_until(lambda: len(clips) == 3)  # a long gap ends a clip
    sink.write(stream_ended(62.75))
    sink.close()
    sink.close()
    wait_until(lambda: len(clips) == 4)
    assert [clip.first_sample / RATE_HZ for clip in clips] == [0.0, 1.0, 61.5, 62.5]
    assert [clip.samples / RATE_HZ for clip in clips] == [1.0, 0.5, 1.0, 0.25]
    writer.close()
    assert (writer.written, writer.problem) == (4, None)


def test_the_writer_outlives_the_stream(tmp_path: Path, card: ModelCard) -> None:
    clips: list[Clip] = []
    writer = ClipWriter(tmp_path, EVERYTHING, clips.append)
    for _ in range(2):
        sink = ClipSink(ClipCutter(EVERYTHING, writer, card, RATE_HZ, 1, stamp_of))
        for message in (stream_started(), frames(0.5), stream_ended(0.5)):
            sink.write(message)
        sink.close()
    writer.close()
    assert [clip.samples for clip in clips] == [RATE_HZ // 2] * 2


def test_a_gap_of_three_days_takes_no_more_time_than_one_of_seconds(tmp_path: Path, model: Model) -> None:
    def cpu_s(gap_s: int) -> float:
        settings = ClipSettings(min_free_mb=0.0, mask=True)
        writer = ClipWriter(tmp_path, settings, lambda _: None)
        cutter = ClipCutter(settings, writer, model.card, RATE_HZ, 1, stamp_of)
        outputs = OutputSettings(tmp_path, ("csv",), tmp_path)

        def make(stem: str, origin: Stamp | None) -> RecordingSink:  # as the recorder does
            return RecordingSink(outputs, f"{gap_s} {stem}", model.card, atomic=False, origin=origin)

        audio = np.zeros((RATE_HZ, 1), np.float32)
        first, second = (ClockReading(BOOT_S + s, UTC_S + s, True) for s in (1.0, gap_s + 2.0))
        script = [
            Block(audio, arrived=first),
            Block(audio, gap_s * RATE_HZ, "device lost", second),
        ]
        group = SinkGroup([ClipSink(cutter), RotatingSink(make, HOUR_S)])
        began_s = time.process_time()
        pipeline, timekeeper = Pipeline(model, RATE_HZ, 1), Timekeeper(first)
        run(ScriptedSource(iter(script)), pipeline, group, threading.Event(), timekeeper)
        passed_s = time.process_time() - began_s
        writer.close()
        return passed_s

    cpu_s(10)
    assert cpu_s(72 * 3600) < 2 * cpu_s(10) + 0.1


def test_after_hours_of_drift_a_clip_has_the_time_of_its_event(tmp_path: Path, model: Model) -> None:
    drift, hours = 100e-6, 4
    settings = ClipSettings(format="wav", before_s=1.0, after_s=1.0, min_free_mb=0.0)
    audio = soundscape(12.0, seed=20, calls_per_minute=30).samples[:, np.newaxis]
    timekeeper = Timekeeper(ClockReading(BOOT_S, UTC_S, True))
    later_s = hours * 3600.0

    def reading(after_s: float) -> ClockReading:
        return ClockReading(BOOT_S + after_s, UTC_S + after_s, True)

    def script() -> Iterator[Block]:
        yield Block(audio[:1], arrived=reading(0.0))  # the stream begins
        for at_s in range(60, round(later_s) + 1, 60):
            timekeeper.arrived(round(at_s * RATE_HZ * (1 + drift)), reading(at_s))
        first_sample = round(later_s * RATE_HZ * (1 + drift))
        yield Block(audio, first_sample - 1, "overrun", reading(later_s + 12.0))

    clips: list[Clip] = []
    writer = ClipWriter(tmp_path, settings, clips.append)
    cutter = ClipCutter(settings, writer, model.card, RATE_HZ, 1, timekeeper.stamp)
    log = MessageLog()
    group = SinkGroup([ClipSink(cutter), log])
    run(ScriptedSource(script()), Pipeline(model, RATE_HZ, 1), group, threading.Event(), timekeeper)
    writer.close()
    events: list[EventDetected] = log.of(EventDetected)
    assert clips
    assert timekeeper.drift == pytest.approx(drift, abs=1e-6)
    first = events[clips[0].events[0]]
    event_s = first.event.onset_s - later_s * (1 + drift)  # after the start of the audio
    assert 1.0 < event_s < 12.0
    assert clips[0].utc.timestamp() == pytest.approx(UTC_S + later_s + event_s - 1.0, abs=0.1)
    assert first.onset.utc_s == pytest.approx(clips[0].utc.timestamp() + 1.0, abs=0.02)
    assert clips[0].stamp is not None
    assert clips[0].stamp.boot_s - BOOT_S == pytest.approx(later_s + event_s - 1.0, abs=0.1)


def test_the_clips_of_a_stream_pass_the_privacy_filter_until_its_end(tmp_path: Path, card: ModelCard) -> None:
    clips: list[Clip] = []
    writer = ClipWriter(tmp_path, EVERYTHING, clips.append)
    privacy = PrivacyFilter(PrivacySettings("drop-clips"), card.grid, writer.put)
    sink = ClipSink(ClipCutter(EVERYTHING, privacy, card, RATE_HZ, 1, stamp_of), privacy)
    for second in range(6):
        step = frames(1.0)
        voice = np.full(len(step.output.mask), second in (2, 3))  # somebody spoke from 1.0 to 3.8 s
        voice[100:] &= second == 2
        sink.write(replace(step, output=replace(step.output, voice=voice)))
    wait_until(lambda: len(clips) == 1)
    sink.write(stream_ended(6.0))
    writer.close()
    assert [clip.first_sample / RATE_HZ for clip in clips] == [0.0, 4.0, 5.0]
    assert privacy.dropped == 3
