"""Files that are written completely or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

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


def is_permanent(error: OSError) -> bool:
    """Return whether only another path helps; other errors are of the disk and may pass."""
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
    except OSError as error:
        reason = error.strerror or str(error)
        kind = OutputError if is_permanent(error) else DiskError
        raise kind(
            f"{path} cannot be written ({reason}): name a folder that can be written to and has room"
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a binary file that is renamed to `path` when the block succeeds and removed when it fails.

    Missing folders are created. Until the block ends, an earlier file of that name is unchanged. A device or pipe is
    never replaced.

    Raises:
        OutputError: The folder or file cannot be written. Exceptions of the block itself pass unchanged.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OutputError(f"{path} is a device or pipe, not a file; give another name")
    part = path.with_name(f".birdedge-{secrets.token_hex(8)}.part")
    try:
        with output_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = part.open("xb")
        try:
            yield file
            with output_errors(path):
                file.flush()
                os.fsync(file.fileno())  # otherwise a power cut can leave the new name on an empty file
                file.close()
                part.replace(path)
        finally:
            with suppress(OSError):
                file.close()
    finally:  # also when Ctrl-C comes as soon as the file exists
        with suppress(OSError):
            part.unlink(missing_ok=True)
