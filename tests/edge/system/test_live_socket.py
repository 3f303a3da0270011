"""The server of the live feed never waits and never fails, whatever its clients do."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from birdedge.edge.system import live_socket
from birdedge.edge.system.live_socket import AUDIO_OFF, AUDIO_ON, LiveServer, connect, socket_paths
from tests.support.live import connected, idle_client, packets

PACKET = bytes(4624)  # 16 frames


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for sockets, as systemd gives it to a service."""
    folder = tmp_path / "run"
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LiveServer]:
    """The server of a recorder that writes to `tmp_path`."""
    server = LiveServer(tmp_path)
    yield server
    server.close()


def watching(folder: Path, server: LiveServer) -> socket.socket:
    client = connected(folder)
    assert server.watched()
    return client


def test_a_packet_reaches_each_client_whole(tmp_path: Path, server: LiveServer) -> None:
    assert not server.watched()
    server.greeting = b"hello"
    clients = [watching(tmp_path, server) for _ in range(3)]
    server.send(PACKET)
    server.send(b"{}")
    assert [packets(client) for client in clients] == 3 * [[b"hello", PACKET, b"{}"]]


def test_only_clients_that_requested_audio_get_it(tmp_path: Path, server: LiveServer) -> None:
    listener, other = watching(tmp_path, server), watching(tmp_path, server)
    listener.send(AUDIO_ON)
    other.send(b"anything else" * 1000)
    server.watched()
    assert server.heard
    server.send(b"audio", audio=True)
    assert (packets(listener), packets(other)) == ([b"audio"], [])
    listener.send(AUDIO_OFF)
    server.watched()
    assert not server.heard
    server.send(b"audio", audio=True)
    assert packets(listener) == []


def test_a_client_that_never_reads_is_dropped_and_delays_nobody(tmp_path: Path, server: LiveServer) -> None:
    reader, _stuck = watching(tmp_path, server), watching(tmp_path, server)
    max_s = 0.0
    for _ in range(500):
        began_s = time.monotonic()
        server.send(PACKET)
        max_s = max(max_s, time.monotonic() - began_s)
        assert packets(reader) == [PACKET]
    assert max_s < 1.0
    assert len(server._clients) == 1


def test_a_stopped_process_is_dropped(tmp_path: Path, server: LiveServer) -> None:
    with idle_client(socket_paths(tmp_path)[0]) as process:
        assert server.watched()
        os.kill(process.pid, signal.SIGSTOP)
        for _ in range(500):
            server.send(PACKET)
        assert not server.watched()


def test_a_dropped_client_can_reconnect(tmp_path: Path, server: LiveServer) -> None:
    stuck = watching(tmp_path, server)
    for _ in range(500):
        server.send(PACKET)
    assert not server.watched()
    assert packets(stuck)[-1] == b""
    again = watching(tmp_path, server)
    server.send(PACKET)
    assert packets(again) == [PACKET]


def test_clients_that_vanish_leave_nothing_behind(tmp_path: Path, server: LiveServer) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(100):
        connected(tmp_path).close()
        server.watched()
        server.send(PACKET)
    assert not server.watched()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_clients_beyond_the_limit_are_disconnected(tmp_path: Path, server: LiveServer) -> None:
    clients = [watching(tmp_path, server) for _ in range(live_socket.MAX_CLIENTS)]
    late = watching(tmp_path, server)
    server.send(PACKET)
    assert packets(late) == [b""]
    assert all(packets(client) == [PACKET] for client in clients)


def test_a_client_that_floods_the_server_costs_one_read_per_call(tmp_path: Path, server: LiveServer) -> None:
    flooding = watching(tmp_path, server)
    flooding.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            flooding.send(b"x" * 60_000)
    began_s = time.monotonic()
    assert server.watched()
    assert time.monotonic() - began_s < 1.0
    flooding.send(b"x" * 60_000)  # there is room for just one again
    with pytest.raises(BlockingIOError):
        flooding.send(b"x" * 60_000)


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    path = socket_paths(tmp_path)[0]
    path.parent.mkdir()
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stale.bind(str(path))
    stale.close()
    assert connect(tmp_path) is None
    server = LiveServer(tmp_path)
    client = watching(tmp_path, server)
    server.send(PACKET)
    assert packets(client) == [PACKET]
    assert path.stat().st_mode & 0o777 == 0o660
    server.close()
    assert list(path.parent.iterdir()) == []


def test_two_recorders_have_two_sockets(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    a, b = LiveServer(tmp_path / "a"), LiveServer(tmp_path / "b")
    of_b = watching(tmp_path / "b", b)
    assert not a.watched()
    a.send(b"a")
    b.send(b"b")
    assert packets(of_b) == [b"b"]
    a.close()
    assert connect(tmp_path / "a") is None
    b.close()


def test_a_recorder_is_found_by_any_path_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    monkeypatch.chdir(tmp_path / "out")
    assert socket_paths(tmp_path / "link") == socket_paths(Path()) == socket_paths(tmp_path / "out")


def test_a_folder_that_cannot_hold_a_socket_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_text("a file")
    long = tmp_path / ("x" * 120)
    long.mkdir()
    user = Path(os.path.relpath(tmp_path / "user"))
    monkeypatch.setattr(
        live_socket, "socket_paths", lambda _: [tmp_path / "run" / "s", long / "s", user / "s"]
    )
    server = LiveServer(tmp_path)
    client = watching(tmp_path, server)
    server.send(PACKET)
    assert packets(client) == [PACKET]
    server.close()
    assert caplog.messages == []


def test_without_a_usable_folder_there_is_no_server_and_one_line_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_text("a file")
    monkeypatch.setattr(live_socket, "socket_paths", lambda _: [tmp_path / "run" / "s"])
    server = LiveServer(tmp_path)
    assert not server.watched()
    server.send(PACKET)
    server.close()
    path = tmp_path / "run" / "s"
    assert caplog.messages == [f"there is no live view: no folder can hold its socket ({path}: File exists)"]


def test_a_temporary_folder_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live_socket, "_temporary", lambda: tmp_path / "shared")
    monkeypatch.setattr(live_socket, "socket_paths", lambda _: [tmp_path / "shared" / "s"])
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    server = LiveServer(tmp_path)
    assert len(caplog.messages) == 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as theirs:
        theirs.bind(str(tmp_path / "shared" / "s"))
        theirs.listen()
        assert connect(tmp_path) is None
    server.close()
