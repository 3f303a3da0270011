"""ffmpeg ends with the process that started it, even if that is killed, and nobody sees the URL."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.audio import decoder
from tests.support.commands import ENVIRONMENT
from tests.support.stream_servers import RATE_HZ, StreamServer, is_running, stream_server
from tests.support.waiting import wait_until

DECODING = """
import sys
from birdedge.edge.audio.decoder import Decoder
decoder = Decoder(sys.argv[1], None, 1)
decoder.stdout.read(44)
print(decoder._process.pid, flush=True)
while decoder.stdout.read(65536):  # or its end of the pipe would be full, and closed
    pass
"""


def test_the_reason_is_the_last_of_what_it_said_and_no_more_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text(
        "#!/bin/sh\nseq -f 'error while decoding %.0f' 200000 >&2\necho 'Connection timed out' >&2\n"
    )
    ffmpeg.chmod(0o755)
    monkeypatch.setattr(decoder, "ffmpeg_path", lambda: str(ffmpeg))
    decoding = decoder.Decoder("http://camera.local/s", None, 1)
    assert decoding.stdout.read() == b""  # until its end
    assert decoding.close() == "Connection timed out"
    assert decoding.close() == "Connection timed out"
    assert len(decoding._said._end) <= decoder.MAX_SAID_BYTES
    decoding.stdout.close()


def test_a_decoder_that_writes_nothing_ends_with_its_process_and_shows_no_password() -> None:
    sound = np.zeros(RATE_HZ, np.float32)
    with stream_server(StreamServer(sound, "keeper:s3cret", burst_s=3.0)) as server:
        parent = subprocess.Popen(
            [sys.executable, "-c", DECODING, server.url], stdout=subprocess.PIPE, env=ENVIRONMENT, text=True
        )
        assert parent.stdout is not None
        with parent, parent.stdout:
            pid = int(parent.stdout.readline())
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            server.stalled.set()  # it writes nothing, so a closed pipe does not end it
            time.sleep(0.5)
            parent.send_signal(signal.SIGKILL)
            wait_until(lambda: not is_running(pid), 3.0)
    assert b"ffmpeg" in command
    assert b"s3cret" not in command
