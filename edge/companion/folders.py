"""The folders of recorders: where `birdedge listen --out` writes, one for each source."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.system.printable import valid_unicode

MAX_DEPTH = 3  # folders below a given one that are searched


class RecorderFolder(NamedTuple):
    """A folder with the database of one recorder, or of one source of a recorder.

    `name` is unique below the given folders. No other folder gets it while this process runs: a disk may be away for an
    hour, and a form or an alert must not be about another recorder meanwhile.
    """

    name: str
    path: Path


def find_folders(paths: Iterable[Path]) -> tuple[RecorderFolder, ...]:
    """Return the recorders in the given folders and below them, by name.

    A recorder may create its folder later, so the caller searches repeatedly. Below a recorder's folder, only the
    folders of its sources are searched.
    """
    found, _ = _search(tuple(paths))
    return found


def expected_folders(paths: Iterable[Path]) -> tuple[RecorderFolder, ...]:
    """Return the result of `find_folders`, and each given folder without a recorder: one is missing there."""
    found, missing = _search(tuple(paths))
    return found + missing


def _search(given: tuple[Path, ...]) -> tuple[tuple[RecorderFolder, ...], tuple[RecorderFolder, ...]]:
    """Return the recorders, and the given folders without one, both by name."""
    below = {folder.resolve(): {path.resolve() for path in _databases(folder, MAX_DEPTH)} for folder in given}
    found = {path for paths in below.values() for path in paths}
    missing = {folder for folder, paths in below.items() if not paths}
    # A given folder has its turn even if its disk is away, so that all names are the same after a restart.
    named = {path: _names(given).named(path) for path in sorted(found | missing)}
    return tuple(sorted(named[path] for path in found)), tuple(sorted(named[path] for path in missing))


def is_recorder(folder: Path) -> bool:
    """Return whether a folder holds the database of a recorder."""
    return (folder / FILE_NAME).is_file()


class _Names:
    """The names of the folders that were seen below the same given folders."""

    def __init__(self) -> None:
        self._names: dict[Path, str] = {}
        self._lock = threading.Lock()

    def named(self, path: Path) -> RecorderFolder:
        """Return the folder with its name, a new one if it was not seen before."""
        with self._lock:
            if path not in self._names:
                own = valid_unicode(path.name) or "recorder"
                name, number = own, 2
                while name in self._names.values():
                    name, number = f"{own}-{number}", number + 1
                self._names[path] = name
            return RecorderFolder(self._names[path], path)


@cache
def _names(_given: tuple[Path, ...]) -> _Names:
    return _Names()


def place_name(folder: Path, site: str) -> str:
    """Return a name for people: the site, and the name of the folder if there are recorders next to it."""
    if site and next(_neighbours(folder), None) is None:
        return site
    return f"{site} {valid_unicode(folder.name)}".strip()


def _neighbours(folder: Path) -> Iterator[Path]:
    """Yield the other recorders in the folder above, and the recorder that it belongs to."""
    parent = folder.parent
    return (path for path in _databases(parent, 1) if path != folder)


def _databases(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the folder if it holds a database, and those below it that do."""
    try:
        if is_recorder(folder):
            yield folder
            depth = min(depth, 1)  # it may have sources; clips and tables have none
        if depth:
            with os.scandir(folder) as entries:
                below = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
            for path in below:
                yield from _databases(path, depth - 1)
    except OSError:
        return  # it is missing, or may not be read
