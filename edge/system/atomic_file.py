"""Files that are written completely or not at all, and that never take a name that is in use."""

from __future__ import annotations

import errno
import fcntl
import math
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from birdedge.edge.errors import DiskError, OutputError

# Retrying does not help: a parent of the path is a file, the path is a folder, or permission is denied.
PERMANENT_ERRNOS = (
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)

# What to do if the name of a new file is in use: replace the file, raise an error, or add a number to the name.
Existing = Literal["replace", "refuse", "number"]
T = TypeVar("T")


def is_permanent(error: OSError) -> bool:
    """Return whether only another path helps; other errors come from the disk and may pass."""
    return error.errno in PERMANENT_ERRNOS


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Convert an `OSError` of the block, which only writes `path`, to an `OutputError` that names the path.

    Raises:
        DiskError: The disk failed or is full.
        OutputError: The path cannot be written.
    """
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        kind = OutputError if is_permanent(error) else DiskError
        raise kind(
            f"{path} cannot be written ({reason}): name a folder that can be written to and has room"
        ) from error


def refuse_existing(paths: Iterable[Path]) -> None:
    """Raise an error if a path exists.

    Raises:
        OutputError: It exists.
    """
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises for a name that is too long
            raise OutputError(f"{path} is a folder; give another name")
        if os.path.lexists(path):
            raise OutputError(f"{path} exists already; give another name, or --force to replace it")


def with_free_name(path: Path, create: Callable[[Path], T], suffix: str | None = None) -> tuple[Path, T]:
    """Create a file under the first name that is free: `dawn.csv`, `dawn-2.csv`, `dawn-3.csv`.

    Args:
        path: The preferred path.
        create: Creates the file, and raises `FileExistsError` if its path exists.
        suffix: The end of the name that stays last, such as `.labels.txt`; None for the usual suffix.

    Returns:
        The path, and what `create` returned.
    """
    suffix = path.suffix if suffix is None else suffix
    stem = path.name.removesuffix(suffix)
    for number in count(1):
        free = path if number == 1 else path.with_name(f"{stem}-{number}{suffix}")
        with suppress(FileExistsError):
            return free, create(free)
    raise AssertionError


def make_folder(folder: Path) -> None:
    """Create a folder and its parents so that they survive a power cut; do nothing if it exists.

    Raises:
        OSError: A folder cannot be created.
    """
    if not folder.is_dir():
        if folder.parent != folder:
            make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def sync_file(fd: int) -> None:
    """Wait until a file is on disk; do nothing if another thread has closed it meanwhile.

    Args:
        fd: The file descriptor; negative if the file is closed.

    Raises:
        OSError: The disk failed.
    """
    if fd < 0:
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk; if the file system has no such call, until everything is.

    Raises:
        OSError: The disk failed.
    """
    try:
        fd = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written but not read, or Windows
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise
        os.sync()  # FAT and exFAT through FUSE
    finally:
        os.close(fd)


@contextmanager
def replacing(path: Path, existing: Existing = "replace", suffix: str | None = None) -> Iterator[BinaryIO]:
    """Open a binary file that gets the name `path` when the block succeeds and is removed when it fails.

    Missing folders are created. Until the block ends, an earlier file of that name is unchanged. A device or pipe is
    never replaced. While the file is written it has another name and a lock, see `remove_unfinished`.

    Args:
        path: The file.
        existing: What to do if it exists; this is checked before the block, and again after it.
        suffix: As in `with_free_name`.

    Raises:
        OutputError: The folder or file cannot be written, or exists. Exceptions of the block itself pass unchanged.
    """
    with output_errors(path):
        is_special = path.exists() and not (path.is_file() or path.is_dir())
    if is_special:
        raise OutputError(f"{path} is a device or pipe, not a file; give another name")
    if existing == "refuse":
        refuse_existing([path])
    part = path.with_name(f".birdedge-{secrets.token_hex(8)}.part")
    try:
        with output_errors(path):
            make_folder(path.parent)
            file = part.open("xb")
            while not _locked(file):
                file.close()
                file = part.open("xb")
        try:
            yield file
            with output_errors(path):
                file.flush()
                os.fsync(file.fileno())  # otherwise a power cut can leave the new name on an empty file
                file.close()
                _name(part, path, existing, suffix)
                sync_folder(path.parent)  # otherwise it can leave the old name, or none
        finally:
            with suppress(OSError):
                file.close()
    finally:  # also when Ctrl-C comes as soon as the file exists
        with suppress(OSError):
            part.unlink(missing_ok=True)


def remove_unfinished(folder: Path, before_s: float = math.inf) -> None:
    """Delete the unfinished files of processes that were killed; files that a process is writing have a lock.

    Args:
        folder: The folder of the files; it may be missing.
        before_s: Delete only files that were last written before this time, in seconds since 1970: where several
            machines write, one may not see the locks of another.

    Raises:
        OSError: A file cannot be deleted.
    """
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".birdedge-") and entry.name.endswith(".part"):
                with suppress(FileNotFoundError), Path(entry.path).open("rb") as file:
                    try:
                        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except OSError:
                        continue
                    if os.fstat(file.fileno()).st_mtime < before_s:
                        Path(entry.path).unlink()


def _locked(file: BinaryIO) -> bool:
    """Lock an unfinished file; return False if `remove_unfinished` of another process came first."""
    with suppress(OSError):  # some network file systems have no locks
        fcntl.flock(file, fcntl.LOCK_EX)
    return os.fstat(file.fileno()).st_nlink > 0


def _name(part: Path, path: Path, existing: Existing, suffix: str | None) -> None:
    """Give the complete file its name."""
    if existing == "replace":
        part.replace(path)
    elif existing == "number":
        with_free_name(path, lambda free: _rename_to_free(part, free), suffix)
    else:
        try:
            _rename_to_free(part, path)
        except FileExistsError:
            refuse_existing([path])
            raise


def _rename_to_free(part: Path, path: Path) -> None:
    """Rename, but raise `FileExistsError` if the new name exists."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # FAT and some network file systems have no links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        part.replace(path)
