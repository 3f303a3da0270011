"""Health of the board: temperature, throttling and free disk space."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")  # thousandths of a degree Celsius
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")  # Raspberry Pi; bits as in vcgencmd
THROTTLED_NOW_BITS = 0b1111  # undervoltage, frequency cap, throttling, soft temperature limit


def temperature_c(path: Path = TEMPERATURE) -> float | None:
    """Return the processor temperature in degrees Celsius, or None if the board does not report it."""
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii")) / 1000.0
    return None


def throttled(path: Path = THROTTLED) -> bool | None:
    """Return whether heat or undervoltage currently slows the processor, or None if the board does not report it."""
    with suppress(OSError, ValueError):
        return bool(int(path.read_text(encoding="ascii"), 16) & THROTTLED_NOW_BITS)
    return None


def free_mb(folder: Path) -> float | None:
    """Return the free space of the disk that holds `folder`, in MB, or None if it cannot be read."""
    with suppress(OSError):
        return shutil.disk_usage(folder).free / 1e6
    return None
