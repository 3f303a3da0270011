"""A client of the live feed receives the pipeline's output for a recording, bit for bit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.audio.sources import array_source
from birdedge.edge.block import Block
from birdedge.edge.event import Event
from birdedge.edge.formats.live_frames import AudioHeader, audio_header, frames_header, levels
from birdedge.edge.messages import GapEnded, GapStarted, Message, SamplesLost, StreamEnded
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.run import run
from birdedge.edge.sinks import live
from birdedge.edge.sinks.live import LiveSink
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.edge.system.live_socket import AUDIO_ON, LiveServer
from tests.support.frames import detected, frames, stamp, stream_started
from tests.support.live import Watched, connected, messages, of_kind, packets
from tests.support.pipelines import segmented
from tests.support.sources import ScriptedSource

SECONDS, RATE_HZ = 12, 32_000


@pytest.fixture(scope="module")
def model() -> Model:
    return Model("birdedge-int8")


@pytest.fixture(scope="module")
def samples() -> NDArray[np.float32]:
    return soundscape(SECONDS, 7, calls_per_minute=50).samples


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveServer]:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    server = LiveServer(tmp_path)
    yield server
    server.close()


def sink_of(server: LiveServer, model: Model, audio: bool = True) -> LiveSink:
    return LiveSink(server, lambda: model.card, "Oak 3", audio)


def unpacked(taken: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return all levels and all mask bits, `[frames, bins]` each."""
    level, bits = [], []
    for packet in of_kind(taken, "frames"):
        header = frames_header(packet)
        size = header.frames * header.bins
        level.append(np.frombuffer(packet, np.uint8, size, 16).reshape(-1, header.bins))
        bits.append(np.unpackbits(np.frombuffer(packet, np.uint8, offset=16 + size)).reshape(-1, header.bins))
    return np.concatenate(level), np.concatenate(bits).astype(np.bool_)


def test_frames_events_and_audio_equal_those_of_the_offline_pipeline(
    tmp_path: Path, server: LiveServer, model: Model, samples: NDArray[np.float32]
) -> None:
    watched = Watched(sink_of(server, model), connected(tmp_path))
    watched.client.send(AUDIO_ON)
    blocks = [Block(samples[at : at + 1600, np.newaxis]) for at in range(0, len(samples), 1600)]
    run(ScriptedSource(blocks), Pipeline(model, RATE_HZ, 1), watched, threading.Event())
    offline = segmented(model, samples)
    level, mask = unpacked(watched.taken)
    assert np.array_equal(level, levels(offline.level))
    assert np.array_equal(mask, offline.mask >= round(255 * model.card.threshold))
    names = [field.name for field in fields(Event) if field.name not in ("mask", "reason")]
    got = [[event[name] for name in names] for event in messages(watched.taken, "event")]
    assert got == [[getattr(event, name) for name in names] for event in offline.events]
    assert len(got) > 3
    heard = b"".join(packet[16:] for packet in of_kind(watched.taken, "audio"))
    assert np.array_equal(np.frombuffer(heard, "<i2"), (samples * 32768).round().clip(-32768, 32767))
    headers = [frames_header(packet) for packet in of_kind(watched.taken, "frames")]
    assert [header.gap for header in headers] == [True] + (len(headers) - 1) * [False]
    passed = np.cumsum([0, *(header.frames for header in headers[:-1])])
    grid = model.card.grid
    utc_s = grid.first_frame_s + grid.hop_s * passed
    np.testing.assert_allclose([header.utc_s for header in headers], utc_s, atol=1e-9)


def test_nothing_is_encoded_while_nobody_watches(
    server: LiveServer, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(live, "frames_packets", fail)
    monkeypatch.setattr(live, "audio_packets", fail)
    sink = sink_of(server, model)
    for message in (stream_started(), frames(16, 200), detected(0.1)):
        sink._write(message)


def test_no_audio_is_sent_by_a_recorder_that_may_hear_speech(
    tmp_path: Path, server: LiveServer, model: Model
) -> None:
    sink = sink_of(server, model, audio=False)
    sink.write(stream_started())
    client = connected(tmp_path)
    client.send(AUDIO_ON)
    sink.write(frames(16, 200))
    taken = packets(client)
    (state,) = messages(taken, "state")
    assert state["audio"] is False
    assert len(of_kind(taken, "frames")) == 1
    assert of_kind(taken, "audio") == []


def test_a_gap_is_sent_and_marked(tmp_path: Path, server: LiveServer, model: Model) -> None:
    sink, client = sink_of(server, model), connected(tmp_path)
    script: list[Message] = [
        stream_started(),
        frames(16),
        SamplesLost(stamp(1.0), stamp(2.5), "overrun"),
        frames(16),
        GapStarted(stamp(3.0), "device lost"),
        GapEnded(stamp(9.0), "device lost"),
        StreamEnded(stamp(10.0), RATE_HZ, 0, 0, 0, 0, 0),
        stream_started(),
        frames(16),
    ]
    for message in script:
        sink.write(message)
    taken = packets(client)
    gaps = [(gap["from_utc_s"], gap["until_utc_s"], gap["lasts"]) for gap in messages(taken, "gap")]
    assert gaps == [(1.0, 2.5, False), (3.0, None, True), (None, 9.0, False)]
    assert [frames_header(packet).gap for packet in of_kind(taken, "frames")] == [True, False, True]


def test_frames_after_lost_samples_are_marked(tmp_path: Path, server: LiveServer, model: Model) -> None:
    sink, client = sink_of(server, model), connected(tmp_path)
    source = ScriptedSource(
        [
            Block(np.zeros((RATE_HZ, 1), np.float32)),
            Block(np.zeros((RATE_HZ, 1), np.float32), RATE_HZ, "overrun"),
        ]
    )
    watched = Watched(sink, client)
    run(source, Pipeline(model, RATE_HZ, 1), watched, threading.Event())
    headers = [frames_header(packet) for packet in of_kind(watched.taken, "frames")]
    gaps = [n for n, header in enumerate(headers) if header.gap]
    assert len(gaps) == 2
    before, after = headers[gaps[1] - 1], headers[gaps[1]]
    assert after.utc_s - (before.utc_s + before.frames * model.card.grid.hop_s) == pytest.approx(
        1.0, abs=0.02
    )


def test_stereo_is_mixed_as_for_the_analysis(tmp_path: Path, server: LiveServer, model: Model) -> None:
    client = connected(tmp_path)
    client.send(AUDIO_ON)
    watched = Watched(sink_of(server, model), client)
    stereo = np.stack([np.full(1600, 0.5, np.float32), np.full(1600, np.nan, np.float32)], axis=1)
    run(
        array_source(stereo, RATE_HZ, fast=True),
        Pipeline(model, RATE_HZ, 2, channel=0),
        watched,
        threading.Event(),
    )
    (packet,) = of_kind(watched.taken, "audio")
    assert audio_header(packet) == AudioHeader(True, RATE_HZ, 0.0)
    assert set(np.frombuffer(packet, "<i2", offset=16)) == {16384}
    header = frames_header(of_kind(watched.taken, "frames")[0])
    assert (header.rms_dbfs, header.peak_dbfs) == (-6.0, -6.0)


def test_a_failure_of_the_live_view_is_logged_and_not_raised(
    tmp_path: Path,
    server: LiveServer,
    model: Model,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink, _client = sink_of(server, model), connected(tmp_path)
    sink.write(stream_started())
    monkeypatch.setattr(live, "frames_packets", lambda *_, **__: 1 / 0)
    sink.write(frames(16))
    sink.write(frames(16))
    assert caplog.messages == ["the live view failed: ZeroDivisionError('division by zero')"]
    assert json.loads(server.greeting)["site"] == "Oak 3"
