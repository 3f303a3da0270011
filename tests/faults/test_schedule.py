"""Outside its schedule the daemon is paused: a gap, but not a fault."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.daemon import Daemon


def test_outside_its_schedule_the_daemon_is_paused_and_healthy(
    breakable_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    config = "[schedule]\nlisten_s = 6\nevery_s = 12\n[clips]\nkeep = 'none'\n"
    with Daemon(breakable_microphone, tmp_path, config) as daemon:
        daemon.wait_for("paused by schedule", timeout_s=20)
        time.sleep(1.5)  # longer than the time between two commits
        status = daemon.status()
        daemon.wait_for("again after", timeout_s=20)
        time.sleep(2)
        daemon.stop()
    assert status.returncode == 0, status.stdout + status.stderr
    assert status.stdout.startswith("paused")
    pauses_s = [gap.known_s for gap in daemon.gaps() if gap.cause == "paused by schedule"]
    assert max(pauses_s) == pytest.approx(6, abs=1.2)
