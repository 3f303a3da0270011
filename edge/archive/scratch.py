"""Copies of objects in the scratch folder of a worker, one at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from birdedge.edge.archive.listing import open_store, version_of
from birdedge.edge.archive.units import PlannedFile
from birdedge.edge.errors import AudioFileError, AudioFileMissingError, DiskError

PREFIX = "birdedge-scratch-"
MIN_AGE_S = 60.0  # before an unlocked folder is deleted: a new one is locked a moment after it is made


@contextmanager
def local_copy(file: PlannedFile) -> Iterator[Path]:
    """Copy an object to the folder for temporary files, under its own name, and delete it after the block.

    Raises:
        AudioFileMissingError: It does not exist.
        AudioFileError: It cannot be copied, or is not what was planned.
        DiskError: The folder for temporary files is full.
    """
    with _folder() as folder:
        path = folder / file.path.rstrip("/").rpartition("/")[2]
        try:
            store, inside = open_store(file.path)
            version = version_of(store.info(inside))
            store.get_file(inside, str(path))
        except FileNotFoundError as error:
            raise AudioFileMissingError(f"{file.path} does not exist: check the URL") from error
        except Exception as error:  # each store raises its own exceptions
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise DiskError(
                    f"{path} cannot be written ({error.strerror}): set TMPDIR to a folder that has room for the "
                    "largest recording"
                ) from error
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise AudioFileError(
                f"{file.path} cannot be copied ({reason}): check the network and the credentials"
            ) from error
        if (path.stat().st_size, version) != (file.size_bytes, file.modified):
            raise AudioFileError(f"{file.path} has changed since it was planned: plan again")
        yield path


@contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder for this process, and delete the folders of killed processes."""
    parent = Path(tempfile.gettempdir())
    for left in parent.glob(f"{PREFIX}*"):
        with suppress(OSError), _locked(left):
            if time.time() - left.stat().st_mtime > MIN_AGE_S:
                shutil.rmtree(left)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise DiskError(
            f"{parent} cannot be written ({error.strerror}): set TMPDIR to a folder with room"
        ) from error
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lock a folder, so that other processes do not delete it.

    Raises:
        OSError: Another process has locked it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
