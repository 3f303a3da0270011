"""Small disks that a test fills or makes read-only."""

from __future__ import annotations

import fcntl
import os
import resource
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

# FS_IOC_SHUTDOWN of Linux. With this flag it writes nothing at all, not even the journal.
SHUTDOWN, NO_LOG_FLUSH = 0x8004587D, struct.pack("I", 2)


@contextmanager
def no_room(after_bytes: int = 0) -> Iterator[None]:
    """Stop files of this process from growing beyond a length, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (after_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def no_new_files() -> Iterator[None]:
    """Stop this process from opening files, as on a failing disk."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def small_disk(folder: Path, size_mb: int = 4) -> Iterator[Path]:
    """Mount a disk of a few megabytes on a new folder; skip the test if that is not allowed."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk is a tmpfs, which only root may mount")
    try:
        yield folder
    finally:
        # Lazily, because a failed test may have left a file open.
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def read_only_view(disk: Path, view: Path) -> Iterator[Path]:
    """Mount a disk read-only at another folder, as systemd does for a service."""
    view.mkdir()
    subprocess.run(["mount", "--bind", disk, view], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", view], check=True)
        yield view
    finally:
        subprocess.run(["umount", "--lazy", view], check=True)


@contextmanager
def read_only(disk: Path) -> Iterator[None]:
    """Make a disk without open files read-only."""
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fill up a small disk."""
    ballast = disk / "ballast"
    with pytest.raises(OSError, match="No space left"):
        ballast.write_bytes(bytes(16 << 20))
    try:
        yield
    finally:
        ballast.unlink()


class Ext4Disk:
    """An ext4 disk in a file whose power can be cut: data that are not synced by then are lost.

    Attributes:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path, image: Path) -> None:
        self.folder, self._image = folder, image

    def mount(self) -> None:
        """Mount the disk, for the first time or again."""
        # Nothing is written until a sync or the end: a background write would hide a missing sync.
        options = "loop,commit=300"
        subprocess.run(["mount", "-o", options, self._image, self.folder], check=True, capture_output=True)

    def cut_power(self) -> None:
        """Discard everything that is not on the disk; every open file on it fails from now on."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, SHUTDOWN, NO_LOG_FLUSH)
        finally:
            os.close(descriptor)

    def unmount(self) -> None:
        """Unmount the disk; files that are still open keep their contents."""
        subprocess.run(["umount", "--lazy", self.folder], check=True)


@contextmanager
def ext4_disk(folder: Path, size_mb: int = 32) -> Iterator[Ext4Disk]:
    """Make and mount a disk whose power can be cut; skip the test if that is not allowed."""
    folder.mkdir(exist_ok=True)
    image = folder.with_name(f"{folder.name}.ext4")
    with image.open("wb") as file:
        file.truncate(size_mb << 20)
    disk = Ext4Disk(folder, image)
    try:
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
        disk.mount()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a power loss needs an ext4 disk on a loop device, which only root may mount")
    try:
        yield disk
    finally:
        with suppress(subprocess.CalledProcessError):
            disk.unmount()
