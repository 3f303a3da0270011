"""What a recorder knows of time: how long it has run, since which start, and whether its clock is right."""

from __future__ import annotations

import ctypes
import functools
import time
import uuid
from pathlib import Path

from birdedge.edge.times import ClockReading

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")  # there since the first time the network told
TIME_ERROR = 5  # adjtimex(2): nobody keeps the clock right; said wherever STA_UNSYNC is set
TIMEX_BYTES = 512  # more than struct timex takes anywhere


def monotonic_s() -> float:
    """Seconds that never step and count while the machine sleeps, where the system has such a clock."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


def read_clocks() -> ClockReading:
    """Read all clocks of this machine at once."""
    return ClockReading(monotonic_s(), time.time(), clock_synchronized())


@functools.cache
def boot_id() -> str:
    """What tells this start of the machine from all others; `monotonic_s` compares only where it is equal.

    Where the kernel has none, it is that of this process: of two times that may be of different starts,
    nothing is then concluded.
    """
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())


def clock_synchronized() -> bool | None:
    """Whether the clock is kept right by the network, GPS or the like; None where that cannot be told.

    The kernel's word counts before systemd's, since it is taken back when nobody has set the clock for hours.
    """
    said = _kernel_synchronized()
    if said is None and TIMESYNCD_MARK.parent.is_dir():
        return TIMESYNCD_MARK.exists()
    return said


def _kernel_synchronized() -> bool | None:
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError, TypeError):  # not Linux
        return None
    state = adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))  # all zero: asks, and sets nothing
    return None if state < 0 else bool(state != TIME_ERROR)  # below 0: a sandbox forbids it
