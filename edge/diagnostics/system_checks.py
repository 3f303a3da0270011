"""Checks of the machine: clock, data folder, disk and permissions; they need no onnxruntime."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryFile

from birdedge.edge.diagnostics.check import Check, graded_check
from birdedge.edge.system.clock import clock_chip_agrees, clock_synchronized

TEST_FILE_BYTES = 4_000_000


def clock_check() -> Check:
    """Check that the system clock, on which event times depend, is synchronized."""
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
    synchronized = clock_synchronized()
    if synchronized:
        return Check("clock", "ok", f"{now}, synchronized")
    if synchronized is None:
        return Check("clock", "warn", f"{now}, synchronization unknown", "compare it with another clock")
    if clock_chip_agrees():
        fix = "run `sudo timedatectl set-ntp true`; without a network, compare it with another clock now and then"
        return Check("clock", "warn", f"{now}, not synchronized, kept by a clock chip", fix)
    fix = (
        "run `sudo timedatectl set-ntp true`; without a network, install a clock module with a battery or GPS, "
        "or set the clock by hand at each start: `sudo date --utc --set '2026-05-01 04:30:00'`"
    )
    return Check("clock", "warn", f"{now}, not synchronized", fix)


def folder_checks(out: Path) -> Iterator[Check]:
    """Check permission, free space and write speed of a folder, or of its nearest existing parent."""
    out = out.absolute()
    folder = next(path for path in (out, *out.parents) if os.access(path, os.F_OK))
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        fix = f"run `sudo chown $USER {folder}`, or give another folder with --out"
        yield Check("folder", "fail", f"{folder} is not writable ({error.strerror})", fix)
        yield Check("disk", "skip", "not tested: the folder is not writable")
        return
    yield Check("folder", "ok", f"{folder} is writable")
    yield disk_space_check(folder)
    fix = "use a faster card (A1 or better) or a USB disk"
    try:
        speed = write_bytes_per_s(folder)
    except OSError as error:
        finding = f"{TEST_FILE_BYTES} bytes could not be written ({error.strerror})"
        yield Check("disk speed", "fail", finding, fix)
        return
    yield graded_check("disk speed", -speed, (-2e6, -2e5), f"{speed / 1e6:.1f} MB/s written and synced", fix)


def disk_space_check(folder: Path) -> Check:
    """Check the free space on the disk of a folder."""
    free_bytes = shutil.disk_usage(folder).free
    fix = "delete files, or use a larger disk"
    return graded_check("disk space", -free_bytes, (-1e9, -1e8), f"{free_bytes / 1e9:.1f} GB free", fix)


def write_bytes_per_s(folder: Path) -> float:
    """Return the write speed, measured with an unnamed file that cannot be left behind.

    Raises:
        OSError: The file cannot be written.
    """
    content = os.urandom(TEST_FILE_BYTES)
    with TemporaryFile(dir=folder) as file:
        start_s = time.monotonic()
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        return TEST_FILE_BYTES / (time.monotonic() - start_s)


def permission_check(devices: Path = Path("/dev/snd")) -> Check:
    """Check that this user may open the ALSA devices, which belong to the group `audio`."""
    if not devices.is_dir():
        return Check("permission", "ok", f"there is no {devices}")
    nodes = [path for path in devices.iterdir() if not path.is_dir()]
    denied = sorted(path.name for path in nodes if not os.access(path, os.R_OK | os.W_OK))
    if not denied:
        return Check("permission", "ok", f"this user may use {devices}")
    fix = "run `sudo usermod -aG audio $USER` and log in again"
    return Check("permission", "fail", f"this user may not use {', '.join(denied)} in {devices}", fix)
