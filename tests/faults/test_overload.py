"""A daemon that cannot keep up reduces its load, and counts the audio that it does not analyse."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.daemon import Daemon

# The network takes 1.5 s more per second of audio.
SLOW_NETWORK = """
import time
from birdedge.edge.pipeline.segmenter import Segmenter
call = Segmenter.call
def slow(segmenter):
    call(segmenter)
    time.sleep(1.5 * segmenter.card.chunk_frames * segmenter.card.grid.hop_s)
Segmenter.call = slow
"""


def test_a_network_slower_than_real_time_runs_less_often_and_skipped_audio_is_counted(
    breakable_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_NETWORK, encoding="utf-8")
    # Without noise the microphone would count as dead after 30 s of zeros.
    noise = subprocess.Popen(
        ["paplay", "--raw", "--volume=20000", "/dev/urandom"], env=breakable_microphone.environment
    )
    try:
        with Daemon(breakable_microphone, tmp_path, path=tmp_path) as daemon:
            daemon.wait_for("listening to")
            start_s = time.time()
            daemon.wait_for("overloaded: analysing all audio in longer calls", timeout_s=30)
            daemon.wait_for("overloaded: analysing 50 % of the audio", timeout_s=60)
            time.sleep(15)
            duration_s = time.time() - start_s
            daemon.stop()
    finally:
        noise.kill()
        noise.wait()
    gaps = daemon.gaps(start_s - 1)
    assert {gap.cause for gap in gaps} == {"overrun", "too slow"}  # in the ring buffer, and skipped
    # The missing rest was still in the ring buffer.
    assert daemon.coverage().heard_s + sum(gap.known_s for gap in gaps) >= duration_s - 6.0
    levels = [level for (level,) in daemon.rows("SELECT level FROM load_levels")]
    assert levels[:3] == [
        "all audio in longer calls",
        "all audio with the smaller model",
        "50 % of the audio",
    ]
