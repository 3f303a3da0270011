"""A daemon that is stopped, or has too little CPU time, counts the audio that it loses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.daemon import GAP_TOLERANCE_S, Daemon

RING_S = 5.0  # of audio, which the ring buffer holds
BUSY_LOOP = "while True: pass"


@dataclass(frozen=True)
class Pause:
    """A pause of the daemon, in UTC: when it was listening before, when it was stopped, and when the song ended."""

    listening_s: float
    stopped_s: float
    played_s: float


def pause(daemon: Daemon, song: Path, seconds: float) -> Pause:
    """Stop the daemon's process for some seconds of silence, then play the song, and end the daemon."""
    daemon.wait_for("listening to")
    listening_s = time.time()
    time.sleep(2)
    daemon.process.send_signal(signal.SIGSTOP)
    stopped_s = time.time()
    time.sleep(seconds)
    daemon.process.send_signal(signal.SIGCONT)
    time.sleep(2)
    daemon.hear(song)
    played_s = time.time()
    daemon.stop()
    return Pause(listening_s, stopped_s, played_s)


def assert_all_time_is_recorded(daemon: Daemon, song: Path, played_s: float) -> None:
    """Require that audio and gaps add up to the time passed, and that events after the gaps have the right times."""
    found = daemon.coverage()
    ((began_s, ended_s),) = daemon.rows(
        """SELECT streams.began_s + offset_s, ended_s + offset_s FROM streams JOIN runs ON runs.id = run
        JOIN clock_lines USING (boot) WHERE until_s IS NULL"""
    )
    gaps_s = sum(gap.known_s for gap in found.gaps if gap.utc_s >= began_s)
    assert found.heard_s + gaps_s == pytest.approx(ended_s - began_s, abs=GAP_TOLERANCE_S)
    song_s = soundfile.info(song).duration
    onsets_s = [utc_s for utc_s in daemon.onsets_utc_s() if utc_s > played_s - 20]
    assert all(played_s - 11 - song_s < utc_s < played_s for utc_s in onsets_s), (onsets_s, played_s)


def test_a_daemon_stopped_for_three_seconds_loses_nothing(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    with Daemon(breakable_microphone, tmp_path) as daemon:
        times = pause(daemon, song, 3)
    assert daemon.gaps(times.listening_s - 1) == []
    assert daemon.coverage().heard_s >= times.played_s - times.listening_s - GAP_TOLERANCE_S


def test_a_daemon_stopped_for_longer_than_its_ring_buffer_holds_records_an_overrun(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    with Daemon(breakable_microphone, tmp_path) as daemon:
        times = pause(daemon, song, 9)
    gaps = daemon.gaps(times.listening_s - 1)
    assert {gap.cause for gap in gaps} == {"overrun"}
    # The contents of the ring buffer are kept, and a little more if the reader is quick.
    assert gaps[0].utc_s >= times.stopped_s + RING_S - GAP_TOLERANCE_S
    assert gaps[-1].utc_s + gaps[-1].known_s <= times.stopped_s + 9 + GAP_TOLERANCE_S
    assert sum(gap.known_s for gap in gaps) > 1
    assert_all_time_is_recorded(daemon, song, times.played_s)


def test_audio_that_the_sound_server_drops_is_recorded_as_an_overrun(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    # The server keeps 4 MB, which is 2.73 s at this rate, and drops the rest without a report.
    config = "sample_rate_hz = 192000\nchannels = 2\n[clips]\nkeep = 'none'\n"
    with Daemon(breakable_microphone, tmp_path, config) as daemon:
        times = pause(daemon, song, 4.5)
    (gap,) = daemon.gaps(times.listening_s - 1)
    assert gap.cause == "overrun"
    assert gap.known_s == pytest.approx(4.5 - 2.73, abs=0.4)
    end_s = times.stopped_s + 4.5
    assert end_s - gap.known_s - GAP_TOLERANCE_S <= gap.utc_s <= end_s + 1
    assert_all_time_is_recorded(daemon, song, times.played_s)


def test_on_a_machine_under_full_load_all_audio_is_heard_or_counted_as_lost(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    load = [subprocess.Popen([sys.executable, "-c", BUSY_LOOP]) for _ in range((os.cpu_count() or 1) + 1)]
    try:
        with Daemon(breakable_microphone, tmp_path) as daemon:
            daemon.wait_for("listening to", timeout_s=60)
            start_s = time.time()
            daemon.hear(song)
            time.sleep(5)
            duration_s = time.time() - start_s
            daemon.stop()
    finally:
        for process in load:
            process.kill()
            process.wait()
    lost_s = sum(gap.known_s for gap in daemon.gaps(start_s - 1))
    assert daemon.coverage().heard_s + lost_s >= duration_s - 0.5
