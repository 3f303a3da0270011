"""No viewer of the live feed costs a sample, whatever it does, and the recorder's memory does not grow."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from websockets.sync.client import connect as connect_browser

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.formats.live_frames import frames_header
from birdedge.edge.system.live_socket import AUDIO_ON, connect, socket_paths
from tests.support.daemon import Daemon
from tests.support.live import connected, idle_client, messages, of_kind, packets
from tests.support.serving import serving
from tests.support.waiting import wait_until

MAX_RESIDENT_BYTES = 100e6


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for sockets, for the daemon and the test."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return tmp_path / "run"


@pytest.fixture
def daemon(virtual_microphone: VirtualMicrophone, tmp_path: Path, runtime: Path) -> Iterator[Daemon]:
    """A listening daemon."""
    environment = {"RUNTIME_DIRECTORY": str(runtime)}
    with Daemon(virtual_microphone, tmp_path, environment=environment) as daemon:
        daemon.wait_for("listening to")
        yield daemon


def test_no_viewer_costs_a_sample(daemon: Daemon, virtual_microphone: VirtualMicrophone, song: Path) -> None:
    path = socket_paths(daemon.out)[0]
    reader = connected(daemon.out)
    stop = threading.Event()

    def come_and_go() -> None:
        while not stop.wait(0.1):
            if (client := connect(daemon.out)) is not None:
                client.send(AUDIO_ON)
                client.close()

    vanishing = threading.Thread(target=come_and_go)
    taken: list[bytes] = []
    with ExitStack() as stack:
        vanishing.start()
        stopped = stack.enter_context(idle_client(path))
        os.kill(stopped.pid, signal.SIGSTOP)
        companion = stack.enter_context(serving(daemon.out, cwd=daemon.out.parent))
        url = companion.url.replace("http", "ws") + "api/stream"
        browsers = [stack.enter_context(connect_browser(url)) for _ in range(20)]
        assert all(json.loads(browser.recv(5))["type"] == "state" for browser in browsers)
        companion.process.send_signal(signal.SIGSTOP)
        stack.callback(companion.process.kill)
        crowd = [stack.enter_context(connected(daemon.out)) for _ in range(50)]  # none of them reads
        flooding = stack.enter_context(connected(daemon.out))
        for client in crowd:
            client.send(AUDIO_ON)
        deadline_s = time.monotonic() + 7
        play = threading.Thread(target=virtual_microphone.play, args=(song,))
        play.start()
        while time.monotonic() < deadline_s:
            taken += packets(reader, 0.2)
            try:
                for _ in range(100):
                    flooding.send(b"x" * 60)
            except OSError:
                pass
        play.join()
        # The kernel kept as much as it had room for.
        assert all(packets(client)[-1] == b"" for client in crowd[:3])
        stop.set()
        vanishing.join()
        memory = daemon.resident_bytes()
        wait_until(lambda: messages(packets(reader, 0.2), "event") or messages(taken, "event"))
    daemon.stop()
    headers = [frames_header(packet) for packet in of_kind(taken, "frames")]
    assert not any(header.gap for header in headers[1:])
    coverage = daemon.coverage()
    assert [gap for gap in coverage.gaps if gap.cause != "restart"] == []
    assert coverage.share == pytest.approx(1.0, abs=1e-6)
    assert memory <= MAX_RESIDENT_BYTES
    assert "live view" not in daemon.log_text()


def test_the_socket_of_a_killed_recorder_is_replaced(daemon: Daemon) -> None:
    connected(daemon.out).close()
    daemon.process.kill()
    daemon.process.wait()
    assert socket_paths(daemon.out)[0].is_socket()
    assert connect(daemon.out) is None
    daemon.start()
    assert messages(packets(connected(daemon.out), 1.0), "state")
    daemon.stop()
    assert not socket_paths(daemon.out)[0].exists()


def test_a_second_recorder_in_the_folder_leaves_the_socket_alone(daemon: Daemon) -> None:
    reader = connected(daemon.out)
    first = daemon.process
    daemon.start()
    assert daemon.process.wait(20) == 1
    daemon.process = first
    packets(reader)
    assert of_kind(packets(reader, 1.0), "frames")
    assert of_kind(packets(connected(daemon.out), 1.0), "frames")
    daemon.stop()
