"""A lost microphone is recorded as a gap; capture reconnects and events are found again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.daemon import GAP_TOLERANCE_S, Daemon


def test_a_sound_server_that_dies_and_returns_is_recorded_as_a_gap(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    microphone = breakable_microphone
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        daemon.hear(song)
        memory_bytes = daemon.resident_bytes()
        died_s = time.time()
        microphone.kill()
        daemon.wait_for("trying again")
        time.sleep(3)
        microphone.start()
        daemon.wait_for("again after")
        returned_s = time.time()
        daemon.hear(song)
        assert daemon.resident_bytes() < memory_bytes + 30e6
        daemon.stop()
    (gap,) = daemon.gaps(died_s - 2)
    assert gap.cause == "device lost"
    assert gap.utc_s == pytest.approx(died_s, abs=GAP_TOLERANCE_S)
    assert gap.utc_s + gap.known_s == pytest.approx(returned_s, abs=GAP_TOLERANCE_S)
    assert len(daemon.onsets_utc_s()) == len(daemon.printed_events())


def test_a_microphone_unplugged_for_ten_seconds_is_opened_under_its_new_index(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    microphone = breakable_microphone
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("listening to")
        daemon.hear(song)
        unplugged_s = time.time()
        microphone.unplug()
        time.sleep(10)
        microphone.plug_in()
        daemon.wait_for("again after", timeout_s=45)
        returned_s = time.time()
        daemon.hear(song)
        daemon.stop()
    (gap,) = daemon.gaps(unplugged_s - 2)
    assert gap.cause == "device lost"
    assert gap.utc_s == pytest.approx(unplugged_s, abs=GAP_TOLERANCE_S)
    assert gap.utc_s + gap.known_s == pytest.approx(returned_s, abs=GAP_TOLERANCE_S)


def test_the_daemon_waits_for_a_microphone_that_is_absent_at_the_start(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    microphone = breakable_microphone
    microphone.kill()
    started_s = time.time()
    with Daemon(microphone, tmp_path) as daemon:
        daemon.wait_for("trying again until it is available")
        reported_s = time.time()
        time.sleep(2)
        microphone.start()
        daemon.wait_for("listening to")
        listening_s = time.time()
        daemon.hear(song)
        daemon.stop()
    (gap,) = daemon.gaps()
    assert gap.cause == "device lost"
    # The gap starts with the process, which takes long to start on a busy machine.
    assert listening_s - reported_s - GAP_TOLERANCE_S <= gap.known_s
    assert gap.known_s <= listening_s - started_s + GAP_TOLERANCE_S
