"""Streams, pipes and recordings are heard in real time, and the reason for their end is reported."""

from __future__ import annotations

import io
import itertools
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from birdedge.edge.audio import live_stream
from birdedge.edge.audio.live_inputs import network_input, open_pipe, open_recording
from birdedge.edge.audio.live_stream import STALL_S, STEADY_S, STEP_S, LiveStream, OpenStream
from birdedge.edge.audio.sources import array_source
from birdedge.edge.block import Block
from birdedge.edge.errors import DeviceLostError, SampleError, StreamLostError, StreamStalledError
from tests.support.stream_servers import RATE_HZ, StreamServer, decoders, rtsp_server, stream_server
from tests.support.tones import sine
from tests.support.waiting import wait_until

SOUND = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)
STOP = threading.Event()


def heard(stream: LiveStream, seconds: float) -> list[Block]:
    """Return the blocks that arrive within a time."""
    stop = threading.Event()
    threading.Timer(seconds, stop.set).start()
    return list(stream.blocks(stop))


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with stream_server(StreamServer(SOUND, "keeper:s3cret")) as started:
        yield started


@pytest.fixture
def opened() -> Iterator[Callable[..., LiveStream]]:
    """Open the stream of a URL; at the end of the block it is closed and leaves no process."""
    streams = []

    def open_(url: str, rate_hz: int | None = None, channels: int = 1) -> LiveStream:
        streams.append(network_input(url, rate_hz, channels, STOP))
        streams[-1].open()
        return streams[-1]

    yield open_
    for stream in streams:
        stream.close()
    wait_until(lambda: decoders(os.getpid()) == [], 5.0)


def test_a_stream_yields_the_samples_that_were_sent(
    server: StreamServer, opened: Callable[..., LiveStream]
) -> None:
    stream = opened(server.url)
    assert (stream.name, stream.sample_rate_hz) == (
        f"http://127.0.0.1:{server.port}/forest.wav",
        RATE_HZ,
    )
    samples = np.concatenate([block.samples for block in heard(stream, 1.0)])[:, 0]
    expected = np.resize(SOUND, len(samples))
    np.testing.assert_allclose(samples, expected, atol=1e-4)


def test_rate_and_channels_are_converted(server: StreamServer, opened: Callable[..., LiveStream]) -> None:
    stream = opened(server.url, 48_000, 2)
    blocks = heard(stream, 0.5)
    assert (stream.sample_rate_hz, blocks[0].samples.shape[1]) == (48_000, 2)


def test_a_camera_is_heard_over_rtsp(opened: Callable[..., LiveStream]) -> None:
    with rtsp_server(StreamServer(SOUND)) as url:
        stream = opened(url)
        blocks = heard(stream, 1.0)
        stream.close()
    assert stream.name.startswith("rtsp://127.0.0.1")
    level = np.sqrt(np.mean(np.concatenate([block.samples for block in blocks]) ** 2))
    assert level == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


def test_digital_silence_is_yielded_as_audio(server: StreamServer, opened: Callable[..., LiveStream]) -> None:
    server.silent.set()
    blocks = heard(opened(server.url), 0.5)
    assert not np.concatenate([block.samples for block in blocks]).any()


def test_audio_that_a_server_buffered_is_read_in_real_time(opened: Callable[..., LiveStream]) -> None:
    with stream_server(StreamServer(SOUND, burst_s=60.0)) as server:
        stream = opened(server.url)
        blocks = heard(stream, 1.5)
        stream.close()
    samples = sum(len(block.samples) for block in blocks)
    assert samples <= 2.1 * RATE_HZ
    assert not [block for block in blocks if block.gap_samples]


def test_a_stream_that_ends_is_lost_and_can_be_opened_again(
    server: StreamServer, opened: Callable[..., LiveStream]
) -> None:
    stream = opened(server.url)
    server.stop()
    with pytest.raises(StreamLostError, match="ended"):
        heard(stream, 5.0)
    stream.close()
    with pytest.raises(StreamLostError, match=r"cannot be reached \(Connection refused\)"):
        stream.open()
    server.start()
    stream.open()
    assert heard(stream, 0.5)


def test_a_stalled_stream_is_distinguished_from_one_that_ended(server: StreamServer) -> None:
    stream = network_input(server.url, None, 1, STOP)
    stream._stall_s = 1.0
    stream.open()
    server.stalled.set()
    with pytest.raises(StreamStalledError, match=r"delivered nothing for 1\.0 s"):
        heard(stream, 5.0)
    stream.close()


def test_the_error_for_a_wrong_password_does_not_show_it(
    server: StreamServer, opened: Callable[..., LiveStream]
) -> None:
    url = server.url.replace("s3cret", "wr0ng")
    with pytest.raises(StreamLostError, match="401 Unauthorized") as caught:
        opened(url)
    assert "wr0ng" not in str(caught.value)


def test_without_ffmpeg_the_error_names_it(
    monkeypatch: pytest.MonkeyPatch, opened: Callable[..., LiveStream]
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StreamLostError, match="needs ffmpeg, which is not installed"):
        opened("http://radio/forest.mp3")


def test_a_stop_ends_the_wait_for_a_server_that_does_not_answer(server: StreamServer) -> None:
    server.stalled.set()
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    began_s = time.monotonic()
    with pytest.raises(StreamLostError):
        network_input(server.url, None, 1, stop).open()
    assert time.monotonic() - began_s < 5


def test_a_recording_is_read_completely_and_ends_for_good() -> None:
    samples = sine(1000, -20.0, 0.7, RATE_HZ)
    stream = LiveStream(
        "x", lambda: open_recording(array_source(samples, RATE_HZ, fast=False), STOP), may_reopen=False
    )
    stream.open()
    began_s = time.monotonic()
    blocks = list(stream.blocks(threading.Event()))
    assert time.monotonic() - began_s > 0.5
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks])[:, 0], samples)
    assert stream.has_ended


PIECE_S, PIECE = 0.05, np.ones((50, 1), np.float32)
Arrivals = list[float]  # when each piece of a stream arrives, in seconds


def on_time(begin_s: float, end_s: float, late_s: float = 0.0) -> Arrivals:
    first, last = round(begin_s / PIECE_S) + 1, round(end_s / PIECE_S)
    return [number * PIECE_S + late_s for number in range(first, last + 1)]


def losses(monkeypatch: pytest.MonkeyPatch, *phases: Arrivals) -> list[tuple[float, float]]:
    """Return each loss of a stream whose pieces arrive at these times: seconds heard before it, and its seconds.

    Between two phases, the reader gives the stream up and opens it again.
    """
    now_s, has_paused, is_open = 0.0, threading.Event(), threading.Event()
    monkeypatch.setattr(live_stream, "monotonic_s", lambda: now_s)

    def pieces() -> Generator[NDArray[np.float32]]:
        nonlocal now_s
        for number, arrivals in enumerate(phases):
            if number:
                has_paused.set()
                is_open.wait()
            for at_s in arrivals:
                now_s = at_s
                yield PIECE

    stream = LiveStream("x", lambda: OpenStream(1000, 1, pieces()), may_reopen=False, ring_s=4000.0)
    stream.open()
    if len(phases) > 1:
        has_paused.wait()
        stream.open()
        is_open.set()
    heard_s, found = 0.0, []
    for block in stream.blocks(threading.Event()):
        if block.gap_samples:
            found.append((heard_s, block.gap_samples / 1000))
        heard_s += len(block.samples) / 1000
    return found


def test_audio_that_a_stream_skipped_is_a_loss_of_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    ((heard_s, lost_s),) = losses(monkeypatch, on_time(0, 60) + on_time(60, 120, late_s=8.0))
    assert lost_s == pytest.approx(8.0, abs=0.01)
    assert 60 < heard_s <= 60 + STEADY_S + PIECE_S


@pytest.mark.parametrize("pace", [1.5, 20.0, 1e6])
def test_audio_that_catches_up_after_a_stall_is_no_loss(monkeypatch: pytest.MonkeyPatch, pace: float) -> None:
    late = [max(at_s, 68.0 + (at_s - 60.0) / pace) for at_s in on_time(60, 120)]
    assert losses(monkeypatch, on_time(0, 60) + late) == []


def test_unevenly_arriving_audio_is_no_loss_and_a_loss_in_it_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(3)
    ragged = [np.ceil(at_s / 0.4) * 0.4 + random.uniform(0, 0.05) for at_s in on_time(0, 3600)]
    assert losses(monkeypatch, sorted(ragged)) == []
    ragged[40_000:] = [at_s + 5.0 for at_s in ragged[40_000:]]
    ((_, lost_s),) = losses(monkeypatch, sorted(ragged))
    assert lost_s == pytest.approx(5.0, abs=STEP_S)


def test_audio_that_a_stalled_network_held_back_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    times_s = itertools.chain([0.0], itertools.repeat(STALL_S))
    monkeypatch.setattr(live_stream, "monotonic_s", lambda: next(times_s))
    pieces = (PIECE for _ in range(round(STALL_S / PIECE_S)))
    stream = LiveStream("x", lambda: OpenStream(1000, 1, pieces), may_reopen=False)
    stream.open()
    wait_until(lambda: stream.delivered_samples == STALL_S * 1000)  # before the reader has read any
    samples = sum(len(block.samples) for block in stream.blocks(threading.Event()))
    assert samples == STALL_S * 1000


def test_a_pause_that_the_reader_knows_is_not_counted_as_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    assert losses(monkeypatch, on_time(0, 60), on_time(60, 120, late_s=30.0)) == []


def pipe_of(data: bytes) -> LiveStream:
    opened = open_pipe(io.BytesIO(data), RATE_HZ, 1, "s16le", STOP)
    stream = LiveStream("stdin", lambda: opened, may_reopen=False)
    stream.open()
    return stream


def test_a_pipe_continues_to_its_end_after_it_was_closed_and_reopened() -> None:
    stream = pipe_of(np.arange(RATE_HZ, dtype="<i2").tobytes())
    blocks = stream.blocks(threading.Event())
    first = next(blocks)
    stream.close()
    stream.open()
    rest = list(stream.blocks(threading.Event()))
    total = len(first.samples) + sum(len(block.samples) for block in rest)
    assert 0 < total <= RATE_HZ
    assert rest[-1].samples[-1, 0] == pytest.approx((RATE_HZ - 1) / 2**15)
    assert stream.has_ended


def test_a_pipe_without_a_sample_is_an_error() -> None:
    with pytest.raises(SampleError, match="ended after 1 bytes"):
        pipe_of(b"x")


def test_a_slow_reader_loses_audio_and_the_loss_is_counted() -> None:
    sound = itertools.repeat(np.ones((800, 1), np.float32), 60)
    source = array_source(np.concatenate(list(sound)), RATE_HZ, fast=False)
    stream = LiveStream("x", lambda: open_recording(source, STOP), may_reopen=False, ring_s=0.5)
    stream.open()
    time.sleep(1.5)
    blocks = list(stream.blocks(threading.Event()))
    lost = sum(block.gap_samples for block in blocks)
    assert 0.5 * RATE_HZ < lost < 2 * RATE_HZ
    assert lost + sum(len(block.samples) for block in blocks) == 60 * 800
    assert {block.gap_cause for block in blocks if block.gap_samples} == {"overrun"}
    assert isinstance(stream._loss(0.0), DeviceLostError)


def test_no_file_descriptor_is_left_open(server: StreamServer) -> None:
    stream = network_input(server.url, None, 1, STOP)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        stream.open()
        stream.close()
    wait_until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= before + 1, 5.0)
