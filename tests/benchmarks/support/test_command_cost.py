"""Tests of the cost of a command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks.support.command_cost import command_cost


def test_the_peak_memory_of_a_large_measuring_process_is_not_counted() -> None:
    ballast = bytearray(300_000_000)
    cost = command_cost([sys.executable, "-c", "x = b'1' * 50_000_000"])
    assert len(ballast) > cost.peak_bytes
    assert 50e6 < cost.peak_bytes < 100e6


def test_the_cpu_time_of_the_command_is_measured() -> None:
    program = "import time\nwhile time.process_time() < 0.3: pass\ntime.sleep(0.2)"
    cost = command_cost([sys.executable, "-c", program])
    assert cost.cpu_s == pytest.approx(0.3, abs=0.1)
    assert cost.wall_s > cost.cpu_s + 0.1


def test_a_command_that_fails_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        command_cost([sys.executable, "-c", "raise SystemExit(3)"])
