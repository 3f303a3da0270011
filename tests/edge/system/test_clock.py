"""The machine's clocks, compared with values that the system reports elsewhere."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from birdedge.edge.system.clock import (
    MAX_ERROR_S,
    boot_id,
    clock_chip_agrees,
    clock_synchronized,
    kernel_synchronized,
    monotonic_s,
    read_clocks,
)

ROOT = Path(__file__).parents[3]
LINUX = sys.platform == "linux"
TIME_ERROR = 5  # ntp_gettime(3)


def test_monotonic_time_runs_at_the_rate_of_the_other_clock_and_never_goes_back() -> None:
    times_s = [monotonic_s() for _ in range(1000)]
    assert times_s == sorted(times_s)
    other_s, start_s = time.monotonic(), monotonic_s()
    time.sleep(0.2)
    assert monotonic_s() - start_s == pytest.approx(time.monotonic() - other_s, abs=0.01)


@pytest.mark.skipif(not LINUX, reason="CLOCK_BOOTTIME exists only on Linux")
def test_monotonic_time_counts_from_the_boot_and_through_sleep() -> None:
    uptime_s = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    assert monotonic_s() == pytest.approx(uptime_s, abs=0.5, rel=1e-3)  # no time service changes its rate


def test_the_clocks_are_read_at_the_same_moment() -> None:
    offsets_s = [reading.utc_s - reading.boot_s for reading in (read_clocks() for _ in range(200))]
    assert max(offsets_s) - min(offsets_s) < 0.01


def test_a_clock_chip_counts_if_it_shows_the_same_time(tmp_path: Path) -> None:
    assert not clock_chip_agrees(tmp_path / "none")
    for name, off_s, agrees in (("right", 1, True), ("stale", -3600, False), ("1970", -time.time(), False)):
        (tmp_path / name).write_text(f"{round(time.time() + off_s)}\n", encoding="ascii")
        assert clock_chip_agrees(tmp_path / name) is agrees


@pytest.mark.skipif(not LINUX, reason="adjtimex exists only on Linux")
def test_the_maximum_error_is_read_from_the_kernel() -> None:
    reading = read_clocks()
    assert 0 < reading.max_error_s <= MAX_ERROR_S
    if not reading.synchronized:
        assert reading.max_error_s == MAX_ERROR_S


def test_without_a_clock_that_counts_sleep_time_is_monotonic_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert monotonic_s() == pytest.approx(time.monotonic(), abs=0.5)


@pytest.mark.skipif(not LINUX, reason="the kernel has a boot id only on Linux")
def test_two_processes_of_one_boot_have_the_same_boot_id() -> None:
    code = "from birdedge.edge.system.clock import boot_id; print(boot_id())"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == boot_id()
    assert str(uuid.UUID(boot_id())) == boot_id()


def test_without_a_boot_id_of_the_kernel_a_process_keeps_its_own(tmp_path: Path) -> None:
    own = boot_id(tmp_path / "none")
    assert str(uuid.UUID(own)) == own
    assert boot_id(tmp_path / "none") == own
    assert boot_id(tmp_path / "another") != own  # random, and stable only because it is cached


@pytest.mark.skipif(not LINUX, reason="adjtimex and ntp_gettime exist only on Linux")
def test_the_clock_is_synchronized_if_libc_says_so() -> None:
    state = ctypes.CDLL(None).ntp_gettime(ctypes.create_string_buffer(512))
    assert clock_synchronized() is kernel_synchronized() is (state != TIME_ERROR)


def test_the_systemd_mark_counts_only_if_the_kernel_does_not_know(tmp_path: Path) -> None:
    mark = tmp_path / "timesync" / "synchronized"
    assert clock_synchronized(lambda: None, mark) is None
    mark.parent.mkdir()
    assert clock_synchronized(lambda: None, mark) is False
    assert clock_synchronized(lambda: True, mark) is True
    mark.touch()
    assert clock_synchronized(lambda: None, mark) is True
    assert clock_synchronized(lambda: False, mark) is False


@pytest.mark.skipif(not LINUX, reason="adjtimex exists only on Linux")
def test_reading_the_clocks_state_does_not_change_it() -> None:
    states = {clock_synchronized() for _ in range(100)}
    assert len(states) == 1
