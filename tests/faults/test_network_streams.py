"""A lost or stalled network stream is a gap with its cause; the recorder reconnects, and no process remains."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.daemon import Daemon
from tests.support.stream_servers import StreamServer, decoders, is_running, stream_server
from tests.support.waiting import wait_until

SOUND = soundscape(20.0, 1).samples[::2]  # at 16 kHz
PASSWORD, TOKEN = "s3cret", "t0ken"
SHORT_STALL = """
from birdedge.edge.audio.live_stream import LiveStream
LiveStream.__init__.__kwdefaults__["stall_s"] = 2.0
"""


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with stream_server(StreamServer(SOUND, f"keeper:{PASSWORD}")) as started:
        yield started


def test_a_stopped_server_is_a_lost_stream_and_its_password_is_never_shown(
    server: StreamServer, tmp_path: Path
) -> None:
    with Daemon(None, tmp_path, source=[f"{server.url}?token={TOKEN}"]) as daemon:
        daemon.wait_for("listening to")
        wait_until(lambda: bool(daemon.printed_events()), 20.0)
        (decoder,) = decoders(daemon.process.pid)
        command = Path(f"/proc/{decoder}/cmdline").read_bytes()
        server.stop()
        daemon.wait_for("trying again until it delivers audio")
        stopped_s = time.time()
        daemon.wait_for("cannot be reached (Connection refused)")
        wait_until(lambda: daemon.status().stdout.startswith("no device, http://127.0.0.1:"))
        status = daemon.status().stdout
        server.start()
        daemon.wait_for("again after")
        restarted_s = time.time()
        daemon.wait_until_healthy()
        daemon.stop()
    (gap,) = daemon.gaps()
    assert gap.cause == "stream lost"
    assert gap.known_s == pytest.approx(restarted_s - stopped_s, abs=2.0)
    assert not is_running(decoder)
    files = [path.read_bytes() for path in daemon.out.rglob("*") if path.is_file()]
    seen = b"".join([command, *files, status.encode(), daemon.log_text().encode()])
    assert b"forest.wav" in seen
    assert PASSWORD.encode() not in seen
    assert TOKEN.encode() not in seen


def test_a_hung_stream_or_decoder_counts_as_stalled_and_no_decoder_remains(
    server: StreamServer, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SHORT_STALL, encoding="utf-8")
    with Daemon(None, tmp_path, source=[server.url], path=tmp_path / "site") as daemon:
        daemon.wait_for("listening to")
        (first,) = decoders(daemon.process.pid)
        server.stalled.set()
        daemon.wait_for("delivered nothing for 2.0 s")
        server.stalled.clear()
        daemon.wait_for("again after")
        (second,) = decoders(daemon.process.pid)
        os.kill(second, signal.SIGSTOP)
        daemon.wait_for("delivered nothing for 2.0 s", times=2)
        daemon.wait_for("again after", times=2)
        (third,) = decoders(daemon.process.pid)
        assert len({first, second, third}) == 3
        assert {gap.cause for gap in daemon.gaps()} == {"stream stalled"}
        server.stalled.set()  # it writes nothing, so a closed pipe does not end it
        time.sleep(0.5)
        daemon.process.kill()
        wait_until(lambda: not is_running(third), 2.0)
