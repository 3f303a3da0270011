"""What the machine says of its own time."""

import ctypes
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from birdedge.edge.system import clock

ROOT = Path(__file__).parents[3]
LINUX = sys.platform == "linux"
TIME_ERROR = 5  # ntp_gettime(3)


def test_monotonic_time_passes_as_fast_as_the_other_clock_and_never_goes_back():
    times_s = [clock.monotonic_s() for _ in range(1000)]
    assert times_s == sorted(times_s)
    other_s, began_s = time.monotonic(), clock.monotonic_s()
    time.sleep(0.2)
    assert clock.monotonic_s() - began_s == pytest.approx(time.monotonic() - other_s, abs=0.01)


@pytest.mark.skipif(not LINUX, reason="CLOCK_BOOTTIME is Linux's")
def test_monotonic_time_counts_from_the_boot_and_through_sleep():
    uptime_s = float(Path("/proc/uptime").read_text(encoding="ascii").split()[0])
    assert clock.monotonic_s() == pytest.approx(uptime_s, abs=0.5)


def test_where_there_is_no_clock_that_counts_sleep_the_monotonic_one_is_told(monkeypatch):
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    assert clock.monotonic_s() == pytest.approx(time.monotonic(), abs=0.5)


@pytest.mark.skipif(not LINUX, reason="the kernel's boot id is Linux's")
def test_two_processes_of_one_boot_have_the_same_boot_id():
    code = "from birdedge.edge.system.clock import boot_id; print(boot_id())"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == clock.boot_id()
    assert str(uuid.UUID(clock.boot_id())) == clock.boot_id()


def test_without_a_kernels_boot_id_a_process_keeps_one_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "none")
    own = clock.boot_id.__wrapped__()
    assert str(uuid.UUID(own)) == own
    assert clock.boot_id.__wrapped__() != own  # only the cache makes it stable
    clock.boot_id.cache_clear()
    try:
        assert clock.boot_id() == clock.boot_id()
    finally:
        clock.boot_id.cache_clear()


@pytest.mark.skipif(not LINUX, reason="adjtimex and ntp_gettime are Linux's")
def test_the_clock_is_synchronized_where_libc_says_so():
    state = ctypes.CDLL(None).ntp_gettime(ctypes.create_string_buffer(512))
    assert clock.clock_synchronized() is (state != TIME_ERROR)


def test_where_the_kernel_tells_nothing_systemds_mark_does(monkeypatch, tmp_path):
    monkeypatch.setattr(clock, "_kernel_synchronized", lambda: None)
    mark = tmp_path / "timesync" / "synchronized"
    monkeypatch.setattr(clock, "TIMESYNCD_MARK", mark)
    assert clock.clock_synchronized() is None
    mark.parent.mkdir()
    assert clock.clock_synchronized() is False
    mark.touch()
    assert clock.clock_synchronized() is True


@pytest.mark.skipif(not LINUX, reason="adjtimex is Linux's")
def test_to_ask_for_the_clocks_state_does_not_change_it():
    states = {clock.clock_synchronized() for _ in range(100)}
    assert len(states) == 1
