"""Files that are written whole or not at all, and names for them that do not collide."""

from __future__ import annotations

import errno
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from birdedge.edge.errors import DiskError, OutputError, SettingsError

# What no waiting mends: the path leads through a file, is a folder, or this user may not write there.
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
    """Whether a person has to give another path; else the disk may be well again by itself."""
    return error.errno in PERMANENT_ERRNOS


@contextmanager
def output_errors(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the block, which only writes `path`, into an `OutputError` that says so.

    It is a `DiskError` where the disk, not the path, is to blame.
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
    """A binary file that takes the name `path` when the block ends well, and is removed when it does not.

    The folder is made if need be. Until the end an earlier file of that name stays as it was. A device or
    a pipe of that name is never replaced.

    Raises:
        OutputError: The folder or file cannot be written. What the block itself raises passes unchanged.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OutputError(f"{path} is a device or pipe, not a file; give another name")
    part = path.with_name(f".birdedge-{secrets.token_hex(8)}.part")
    with output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("xb")
    try:
        yield file
        with output_errors(path):
            file.flush()
            os.fsync(file.fileno())  # else a power cut may leave the new name on an empty file
            file.close()
            part.replace(path)
    finally:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            part.unlink(missing_ok=True)


def unique_stems(paths: Iterable[Path]) -> dict[Path, str]:
    """Name the results of each recording so that none overwrites another's.

    A recording keeps its stem where no other has it; else parent folders are put before it until the names
    differ (`north/dawn.wav` and `south/dawn.wav`: `north_dawn`, `south_dawn`), and two of one folder keep
    their suffix (`dawn.wav`, `dawn.flac`). Names that differ only in case count as equal, as on a memory card
    they are. A recording given twice is named once.

    Raises:
        SettingsError: Two recordings cannot be told apart, such as `dawn.wav` and `Dawn.wav` of one folder.
    """
    given: dict[Path, Path] = {}
    for path in paths:
        # Not resolve(): many names may link to one sound, each asked for by its own name.
        given.setdefault(Path(os.path.abspath(path)), path)  # noqa: PTH100
    siblings = Counter(str(path.with_suffix("")).casefold() for path in given)
    parts = {
        path: (
            *(part.strip("/\\:") for part in path.parent.parts),
            path.stem if siblings[str(path.with_suffix("")).casefold()] == 1 else path.name,
        )
        for path in given
    }
    depth = dict.fromkeys(given, 1)
    while True:
        names = {path: "_".join(parts[path][-depth[path] :]) for path in given}
        uses = Counter(name.casefold() for name in names.values())
        clashing = [path for path in given if uses[names[path].casefold()] > 1]
        if not clashing:
            return {given[path]: name for path, name in names.items()}
        deeper = [path for path in clashing if depth[path] < len(parts[path])]
        if not deeper:
            first = names[clashing[0]]
            one, other, *_ = (given[path] for path in clashing if names[path].casefold() == first.casefold())
            raise SettingsError(f"{one} and {other} would both be written as {first}: rename one of them")
        for path in deeper:
            depth[path] += 1
