"""The live feed over HTTP, from a recorder-side server that a test drives."""

from __future__ import annotations

import json
import shutil
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from birdedge.edge.formats.live_frames import audio_packets, frames_packets, message_packet
from birdedge.edge.system.live_socket import LiveServer
from birdedge.edge.web.live import EventFollower
from tests.support.serving import Serving, serving
from tests.support.streams import Clocks, MessageStream, started
from tests.support.web import browser

STATE = message_packet("state", {"source": "mic", "audio": True})
(FRAMES,) = frames_packets(
    np.zeros((16, 256), np.float32), np.zeros((16, 256), bool), 5.0, 0.008, (-30.0, -20.0)
)
(AUDIO,) = audio_packets(np.full(4800, 0.25, np.float32), 48_000, 5.0)


@contextmanager
def recorder(folder: Path, greeting: bytes = STATE) -> Iterator[LiveServer]:
    """Send frames and audio ten times a second."""
    server, stop = LiveServer(folder), threading.Event()
    server.greeting = greeting

    def send() -> None:
        while not stop.wait(0.1):
            if server.watched():
                server.send(FRAMES)
                server.send(AUDIO, audio=True)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield server
    finally:
        stop.set()
        thread.join()
        server.close()


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))


def test_the_socket_sends_frames_unchanged_and_messages_as_text(recorded: Path) -> None:
    client = browser(recorded)
    with recorder(recorded) as server, client, client.websocket_connect("/api/stream?source=oak") as socket:
        assert socket.receive_json() == {"type": "state", "connected": False}
        assert socket.receive_json() == json.loads(STATE)
        first = socket.receive_bytes()
        assert (first[1], first[2:]) == (1, FRAMES[2:])
        assert socket.receive_bytes() == FRAMES
        server.send(message_packet("event", {"score": 0.9}))
        while (received := socket.receive()).get("text") is None:
            pass
        assert json.loads(received["text"]) == {"type": "event", "score": 0.9}


def test_a_missing_recorder_has_no_feed(recorded: Path) -> None:
    client = browser(recorded)
    for path in ("/api/listen", "/api/events/stream", "/api/now", "/"):
        assert client.get(f"{path}?source=elm").status_code == 404
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/api/stream?source=elm"):
        pass


def listened(serving: Serving, count: int, **parameters: str) -> bytes:
    """Return the first bytes of the audio."""
    got = b""
    with httpx2.stream("GET", f"{serving.url}api/listen", params=parameters, timeout=10) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "audio/wav"
        for piece in answer.iter_raw():
            got += piece
            if len(got) >= count:
                break
    return got[:count]


def test_viewers_can_listen_unless_the_recorder_may_hear_speech(recorded: Path) -> None:
    with serving(recorded, cwd=recorded) as dashboard:
        with recorder(recorded):
            heard = listened(dashboard, 44 + 9600)
            assert heard[:4] + heard[8:16] == b"RIFFWAVEfmt "
            assert struct.unpack_from("<HHIIHH", heard, 20) == (1, 1, 48_000, 96_000, 2, 16)
            assert set(np.frombuffer(heard[44:], "<i2")) == {8192}
        private = message_packet("state", {"source": "mic", "audio": False})
        with recorder(recorded, private):
            assert httpx2.get(f"{dashboard.url}api/listen", timeout=10).content == b""


def test_a_listener_hears_a_recorder_that_comes_back(recorded: Path) -> None:
    with serving(recorded, cwd=recorded) as dashboard, httpx2.Client(timeout=10) as client:
        with recorder(recorded):
            answer = client.send(client.build_request("GET", f"{dashboard.url}api/listen"), stream=True)
            pieces = answer.iter_raw()
            assert len(next(pieces)) >= 44
        with recorder(recorded):
            heard = sum(len(next(pieces)) for _ in range(15))
        assert heard > 10 * len(AUDIO)
        answer.close()


def server_sent(lines: Iterator[str], count: int) -> list[dict[str, str]]:
    """Return the next messages of a stream of server-sent events."""
    messages: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            messages += [fields] if "data" in fields else []
            fields = {}
            if len(messages) == count:
                break
    return messages


def test_the_event_stream_continues_with_a_database_that_was_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "oak"

    def recorded(events: int) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        run_log, clocks = started(folder, Clocks()), Clocks()
        stream = MessageStream(run_log.apply, clocks)
        stream.hear(10)
        for number in range(events):
            stream.detect(1.0 + number)
        run_log.close()

    recorded(3)
    with serving(folder, cwd=tmp_path) as dashboard:
        url = f"{dashboard.url}api/events/stream"
        with httpx2.stream("GET", url, headers={"Last-Event-ID": "2"}, timeout=10) as answer:
            lines = answer.iter_lines()
            assert [message["id"] for message in server_sent(lines, 1)] == ["3"]
            recorded(2)
            assert [message["id"] for message in server_sent(lines, 2)] == ["1", "2"]
        with httpx2.stream("GET", url, headers={"Last-Event-ID": "3"}, timeout=10) as answer:
            assert [message["id"] for message in server_sent(answer.iter_lines(), 2)] == ["1", "2"]


def hear_birds(folder: Path, events: int, boot_s: float) -> None:
    """Write to the database of a recorder that detected an event each second since it booted."""
    folder.mkdir(exist_ok=True)
    clocks = Clocks(boot_s=boot_s)
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(20)
    for number in range(events):
        stream.detect(1.0 + number)
    run_log.close()


def ids(follower: EventFollower) -> list[int]:
    return [row.id for row in follower.read()]


def test_a_new_database_is_followed_from_its_first_event_even_if_it_holds_more(tmp_path: Path) -> None:
    folder = tmp_path / "oak"
    hear_birds(folder, 3, 1_000_000.0)
    followers = [EventFollower(folder, after) for after in (0, 2, 3, None)]
    assert [ids(follower) for follower in followers] == [[1, 2, 3], [3], [], []]
    folder.rename(tmp_path / "earlier")
    hear_birds(folder, 5, 2_000_000.0)
    assert [ids(follower) for follower in followers] == [[1, 2, 3, 4, 5]] * 4
    assert [ids(follower) for follower in followers] == [[]] * 4
    hear_birds(folder, 1, 3_000_000.0)
    assert [ids(follower) for follower in followers] == [[6]] * 4


def test_the_event_stream_resumes_after_the_last_event_seen(tmp_path: Path) -> None:
    clocks = Clocks()
    folder = tmp_path / "oak"
    folder.mkdir()
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    for at_s in (1.0, 3.0, 5.0):
        stream.detect(at_s)
    run_log.commit()
    with serving(folder, cwd=tmp_path) as dashboard:
        url = f"{dashboard.url}api/events/stream"
        with httpx2.stream("GET", url, headers={"Last-Event-ID": "1"}, timeout=10) as answer:
            lines = answer.iter_lines()
            seen = server_sent(lines, 2)
            assert [message["id"] for message in seen] == ["2", "3"]
            assert json.loads(seen[0]["data"])["onset_utc"] == "1970-01-12T13:46:43.000Z"
            stream.detect(7.0)
            run_log.commit()
            assert [message["id"] for message in server_sent(lines, 1)] == ["4"]
        with httpx2.stream("GET", url, timeout=10) as answer:
            assert answer.headers["x-accel-buffering"] == "no"
            lines = answer.iter_lines()
            assert next(lines) == "retry: 2000"
            time.sleep(0.5)  # the stream starts with the packets that arrive now
            stream.detect(8.0)
            run_log.commit()
            assert [message["id"] for message in server_sent(lines, 1)] == ["5"]
        assert httpx2.get(url, headers={"Last-Event-ID": "x"}).status_code == 400
    run_log.close()
