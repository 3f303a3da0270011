"""The companion's side of the live feed: history, slow viewers, and a recorder that comes and goes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from birdedge.edge.companion import live
from birdedge.edge.companion.live import LiveFeed, Viewer
from birdedge.edge.formats.live_frames import (
    audio_packets,
    frames_header,
    frames_packets,
    kind_of,
    message_packet,
)
from birdedge.edge.system.live_socket import LiveServer

BINS = 256
STATE = message_packet("state", {"source": "mic"})


def frames(count: int = 16, utc_s: float = 0.0) -> bytes:
    zeros = np.zeros((count, BINS), np.float32)
    (packet,) = frames_packets(zeros, zeros > 0, utc_s, 0.008, (-30.0, -20.0))
    return packet


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LiveServer:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(live, "RETRY_S", 0.01)
    server = LiveServer(tmp_path)
    server.greeting = STATE
    return server


@asynccontextmanager
async def polled(server: LiveServer) -> AsyncIterator[None]:
    """Let the recorder poll its socket, as it does with each step of its audio."""

    async def poll() -> None:
        while True:
            server.watched()
            await asyncio.sleep(0.005)

    task = asyncio.create_task(poll())
    try:
        yield
    finally:
        task.cancel()


async def taken(viewer: Viewer, count: int) -> list[bytes]:
    return [await asyncio.wait_for(viewer.next(), 5) for _ in range(count)]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_a_viewer_gets_frames_and_messages_and_a_later_one_the_history(
    tmp_path: Path, server: LiveServer
) -> None:
    async def test() -> None:
        feed = LiveFeed(tmp_path)
        async with polled(server), feed.watched("pictures") as first:
            assert json.loads((await taken(first, 1))[0]) == {"type": "state", "connected": False}
            assert await taken(first, 1) == [STATE]
            sent = [frames(utc_s=float(n)) for n in range(60)]
            event = message_packet("event", {"score": 0.9})
            got: list[bytes] = []
            for packet in (*sent, event):
                server.send(packet)
                await until(lambda: first._waiting)
                got += await taken(first, 1)
            assert [frames_header(packet).gap for packet in got[:60]] == [True] + 59 * [False]
            assert got[1:] == [*sent[1:], event]
            async with feed.watched("pictures") as late:
                history = await taken(late, 48)
            assert history == [STATE, *sent[-46:], event]  # 46 packets of 16 frames are 5.9 s

    run(test())


def test_the_recorder_is_disconnected_when_nobody_watches(
    tmp_path: Path, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LINGER_S", 0.1)

    async def test() -> None:
        feed = LiveFeed(tmp_path)
        async with feed.watched("pictures"):
            await until(server.watched)
        await until(lambda: not server.watched())
        async with feed.watched("pictures") as viewer:
            await until(server.watched)
            assert (await taken(viewer, 2))[1] == STATE

    run(test())


def test_a_killed_recorder_that_comes_back_is_found(tmp_path: Path, server: LiveServer) -> None:
    async def test() -> None:
        feed = LiveFeed(tmp_path)
        async with feed.watched("pictures") as viewer:
            await until(server.watched)
            await taken(viewer, 2)
            server.send(frames())
            await taken(viewer, 1)
            server.close()
            assert json.loads((await taken(viewer, 1))[0]) == {"type": "state", "connected": False}
            again = LiveServer(tmp_path)
            again.greeting = STATE
            await until(again.watched)
            again.send(frames())
            state, packet = await taken(viewer, 2)
            assert (state, frames_header(packet).gap) == (STATE, True)
            again.close()

    run(test())


def test_the_recorder_sends_audio_only_for_listeners(tmp_path: Path, server: LiveServer) -> None:
    async def test() -> None:
        (audio,) = audio_packets(np.zeros(100, np.float32), 48_000, 0.0)
        feed = LiveFeed(tmp_path)
        async with polled(server), feed.watched("pictures") as viewer:
            await taken(viewer, 2)
            assert not server.heard
            async with feed.watched("sound") as listener:
                await until(lambda: server.heard)
                server.send(audio, audio=True)
                server.send(frames())
                assert [kind_of(packet) for packet in await taken(listener, 3)] == [
                    "state",
                    "audio",
                    "frames",
                ]
                assert kind_of((await taken(viewer, 1))[0]) == "frames"
            await until(lambda: not server.heard)

    run(test())


def test_a_viewer_that_is_too_slow_misses_frames_and_gets_a_gap_marker() -> None:
    async def test() -> None:
        viewer = Viewer("pictures")
        viewer.put(STATE)
        for n in range(live.MAX_WAITING + 10):
            viewer.put(frames(utc_s=float(n)))
        assert len(viewer._waiting) <= live.MAX_WAITING
        got = await taken(viewer, 12)
        assert got[0] == STATE
        assert [frames_header(packet)[0::5] for packet in got[1:3]] == [(True, 63.0), (False, 64.0)]

    run(test())
