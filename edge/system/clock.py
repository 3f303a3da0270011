"""Clocks: monotonic time across sleep, the boot that it belongs to, and whether the wall clock is synchronized."""

from __future__ import annotations

import ctypes
import functools
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from birdedge.edge.times import ClockReading

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")  # exists from the first synchronization of a boot
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized; returned whenever STA_UNSYNC is set
TIMEX_BYTES = 512  # at least the size of struct timex on any platform


def monotonic_s() -> float:
    """Return seconds on a clock that never steps and, where the system has one, also counts during sleep."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def read_clocks() -> ClockReading:
    """Read all clocks of this machine at once."""
    return ClockReading(monotonic_s(), time.time(), clock_synchronized())


@functools.cache
def boot_id(path: Path = BOOT_ID) -> str:
    """Return the id of this boot; values of `monotonic_s` are comparable only within one boot.

    Without a boot id of the kernel the id is that of this process, so that times of two processes never compare.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())


def kernel_synchronized() -> bool | None:
    """Return whether the kernel reports a synchronized wall clock, or None if it cannot be asked."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError, TypeError):  # not Linux
        return None
    state = adjtimex(
        ctypes.create_string_buffer(TIMEX_BYTES)
    )  # all zero: reads the state and changes nothing
    return None if state < 0 else bool(state != TIME_ERROR)  # negative: forbidden by a sandbox


def clock_synchronized(
    kernel: Callable[[], bool | None] = kernel_synchronized, timesyncd_mark: Path = TIMESYNCD_MARK
) -> bool | None:
    """Return whether a time service (NTP, GPS) keeps the wall clock right, or None if that is unknown.

    The kernel takes precedence over systemd, since it reports a lost synchronization after some hours.
    """
    synchronized = kernel()
    if synchronized is None and timesyncd_mark.parent.is_dir():
        return timesyncd_mark.exists()
    return synchronized
