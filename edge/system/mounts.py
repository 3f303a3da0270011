"""Which disks are mounted."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # proc_pid_mountinfo(5): the third word is the device


def is_mounted(device: int, mounts: Path = MOUNTS) -> bool:
    """Return whether a device (`st_dev`) is mounted somewhere; False if the system does not say."""
    name = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError):
        return any(line.split()[2] == name for line in mounts.read_text(encoding="utf-8").splitlines())
    return False
