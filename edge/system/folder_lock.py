"""A lock on a folder, so that only one process writes to it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from birdedge.edge.errors import StoreError

LOCK_NAME = "birdedge.sqlite.lock"


class FolderLock:
    """Holds a lock file in a folder with flock(2): the system drops it when the process ends.

    If the file cannot be created, as on a read-only disk, or the file system has no locks, no lock is held.

    Raises:
        StoreError: another process holds it.
    """

    def __init__(self, folder: Path, name: str = LOCK_NAME) -> None:
        self._descriptor: int | None = None
        try:
            import fcntl

            self._descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o640)
        except (ImportError, OSError):  # not Unix, or a disk that cannot be written
            return
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip()
            self.release()
            raise StoreError(
                f"{folder} is in use by another birdedge{f', process {holder}' if holder else ''}: stop that one, or "
                "name another folder"
            ) from None
        except OSError:  # a file system without locks
            return
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)

    def release(self) -> None:
        """Release the lock; further calls do nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
