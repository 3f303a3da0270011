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
CHIP = Path("/sys/class/rtc/rtc0/since_epoch")
CHIP_TOLERANCE_S = 5.0
TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized; returned whenever STA_UNSYNC is set
STA_NANO = 0x2000  # the offset is in nanoseconds
MAX_ERROR_S = 16.0  # with more, the kernel reports the clock as not synchronized
SAME_MOMENT_S = 1e-3  # clocks that took longer to read are read again
ATTEMPTS = 4
MIN_SLEEP_S = 0.2


class _Timex(ctypes.Structure):
    """The first fields of struct timex, and more room than the others need on any platform."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("others", ctypes.c_char * 512),
    )


class _Sleep:
    """How long the machine has slept since it started; a delay within a measurement does not count as sleep."""

    def __init__(self) -> None:
        self._slept_ns = 0

    def measure_ns(self) -> int:
        slept_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
        if abs(slept_ns - self._slept_ns) > MIN_SLEEP_S * 1e9:
            self._slept_ns = slept_ns
        return self._slept_ns


_sleep = _Sleep()


def monotonic_s() -> float:
    """Return seconds on a clock that never steps.

    On Linux it counts during sleep and is never slewed: to correct the other clocks, NTP changes their rate by up to
    8 %, which is not the rate of any crystal.
    """
    if not (hasattr(time, "CLOCK_BOOTTIME") and hasattr(time, "CLOCK_MONOTONIC_RAW")):
        return time.monotonic()
    return (time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) + _sleep.measure_ns()) / 1e9


def read_clocks() -> ClockReading:
    """Read all clocks of this machine at one moment."""
    before_s = utc_s = after_s = 0.0
    for _ in range(ATTEMPTS):
        before_s, utc_s, after_s = monotonic_s(), time.time(), monotonic_s()
        if after_s - before_s < SAME_MOMENT_S:
            break
    synchronized, max_error_s = _kernel_clock()
    return ClockReading(
        (before_s + after_s) / 2,
        utc_s,
        clock_synchronized(lambda: synchronized),
        MAX_ERROR_S if max_error_s is None else max_error_s,
        clock_chip_agrees(),
    )


@functools.cache
def boot_id(path: Path = BOOT_ID) -> str:
    """Return the id of this boot; values of `monotonic_s` are comparable only within one boot.

    Without the kernel's boot id, the id is specific to this process, so that times of two processes never compare.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())


def kernel_synchronized() -> bool | None:
    """Return whether the kernel reports a synchronized wall clock, or None if that is unknown."""
    return _kernel_clock()[0]


@functools.cache  # CDLL opens the library in each call
def _adjtimex() -> Callable[..., int] | None:
    """Return the function of the C library; None on a system without it."""
    try:
        function: Callable[..., int] = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError, TypeError):
        return None
    return function


def _kernel_clock() -> tuple[bool | None, float | None]:
    """Return whether the wall clock is synchronized, and its largest error in seconds; None if that is unknown.

    The kernel lets the error grow by 500 ppm until the clock is synchronized again. The rest of a
    slow correction in progress is added to it.
    """
    adjtimex = _adjtimex()
    if adjtimex is None:
        return None, None
    timex = _Timex()  # all zero: reads the state and changes nothing
    state = adjtimex(ctypes.byref(timex))
    if state < 0:  # forbidden by a sandbox
        return None, None
    left_s = abs(timex.offset) / (1e9 if timex.status & STA_NANO else 1e6)
    return state != TIME_ERROR, timex.maxerror / 1e6 + left_s


@functools.cache
def clock_chip_agrees(path: Path = CHIP, tolerance_s: float = CHIP_TOLERANCE_S) -> bool:
    """Return whether the clock chip showed the time of the wall clock when it was first read.

    A chip with a battery keeps running without power. A chip without one starts in the past, and so does the wall
    clock, but at another time: the time of the last shutdown.
    """
    try:
        return abs(int(path.read_text(encoding="ascii")) - time.time()) < tolerance_s
    except (OSError, ValueError):
        return False


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
