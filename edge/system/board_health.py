"""What the board tells of its health, where it does."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")
THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")  # Raspberry Pi; bits as in vcgencmd


def temperature_c() -> float | None:
    """Of the processor; None where the board does not tell."""
    with suppress(OSError, ValueError):
        return int(TEMPERATURE.read_text(encoding="ascii")) / 1000.0
    return None


def throttled() -> bool | None:
    """Whether heat or a weak power supply slows the processor now; None where the board does not tell."""
    with suppress(OSError, ValueError):
        return bool(int(THROTTLED.read_text(encoding="ascii"), 16) & 0b1111)
    return None


def free_mb(folder: Path) -> float | None:
    """Room on the disk of a folder; None where it cannot be asked."""
    with suppress(OSError):
        return shutil.disk_usage(folder).free / 1e6
    return None
