"""The watchdog is fed while the daemon works or waits, and not while it hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import SINK, VirtualMicrophone
from tests.support.daemon import Daemon
from tests.support.service_manager import ServiceManager, service_manager

QUIET_S = 7.0  # more than twice the interval within which the manager expects a message
HANGING_INFERENCE = """
import time
from pathlib import Path
from birdedge.edge.pipeline import segmenter

call = segmenter.Segmenter.call

def call_unless_told(self):
    while Path({flag!r}).exists():
        time.sleep(0.1)
    call(self)

segmenter.Segmenter.call = call_unless_told
"""

HANGING_DISK = """
import time
from pathlib import Path
from birdedge.edge.sinks import recording

write = recording.RecordingSink.write

def write_unless_told(self, message):
    while Path({flag!r}).exists():
        time.sleep(0.1)
    write(self, message)

recording.RecordingSink.write = write_unless_told
"""


@pytest.fixture
def manager() -> Iterator[ServiceManager]:
    with service_manager() as listening:
        yield listening


def fed_within(manager: ServiceManager, seconds: float) -> int:
    since_s = time.monotonic()
    time.sleep(seconds)
    return manager.fed(since_s)


def test_waiting_for_a_missing_microphone_feeds_the_watchdog_and_creates_no_tables(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, manager: ServiceManager
) -> None:
    breakable_microphone.kill()
    with Daemon(breakable_microphone, tmp_path, environment=manager.environment) as daemon:
        daemon.wait_for("trying again until it is available")
        time.sleep(8)  # until the waits are longer than the watchdog allows
        assert fed_within(manager, QUIET_S) >= 4
        daemon.stop()
    assert not [path for path in daemon.out.iterdir() if path.suffix in (".csv", ".jsonl", ".txt")]
    assert manager.texts() == ["READY=1", "STOPPING=1"]


def test_a_pause_by_schedule_feeds_the_watchdog(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, manager: ServiceManager
) -> None:
    config = "[schedule]\nlisten_s = 1\nevery_s = 600000\n"
    with Daemon(breakable_microphone, tmp_path, config, environment=manager.environment) as daemon:
        daemon.wait_for("paused by schedule")
        assert fed_within(manager, QUIET_S) >= 4
        daemon.stop()


def test_an_open_microphone_that_delivers_nothing_does_not_feed_the_watchdog(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, manager: ServiceManager
) -> None:
    microphone = breakable_microphone
    with Daemon(microphone, tmp_path, environment=manager.environment) as daemon:
        daemon.wait_for("listening to")
        assert fed_within(manager, QUIET_S) >= 4
        microphone.control("suspend-sink", SINK, "1")
        daemon.wait_for("delivered nothing")
        daemon.wait_for("delivered nothing", times=2)
        assert fed_within(manager, QUIET_S) == 0
        microphone.control("suspend-sink", SINK, "0")
        daemon.wait_for("again after")
        assert fed_within(manager, QUIET_S) >= 4
        daemon.stop()


def test_the_watchdog_is_fed_while_a_disk_hangs_and_no_audio_is_lost(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, manager: ServiceManager
) -> None:
    flag, folder = tmp_path / "hang", tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HANGING_DISK.format(flag=str(flag)), encoding="utf-8")
    with Daemon(breakable_microphone, tmp_path, path=folder, environment=manager.environment) as daemon:
        daemon.wait_for("listening to")
        flag.touch()
        assert fed_within(manager, QUIET_S) >= 4
        flag.unlink()
        daemon.stop()
    assert daemon.gaps() == []
    assert daemon.coverage().heard_s > QUIET_S


def test_a_hung_inference_does_not_feed_the_watchdog(
    breakable_microphone: VirtualMicrophone, tmp_path: Path, manager: ServiceManager
) -> None:
    flag, folder = tmp_path / "hang", tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HANGING_INFERENCE.format(flag=str(flag)), encoding="utf-8")
    with Daemon(breakable_microphone, tmp_path, path=folder, environment=manager.environment) as daemon:
        daemon.wait_for("listening to")
        assert fed_within(manager, QUIET_S) >= 4
        flag.touch()
        time.sleep(1)
        assert fed_within(manager, QUIET_S) == 0
        flag.unlink()
        assert fed_within(manager, QUIET_S) >= 4
        daemon.stop()
