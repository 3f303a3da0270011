"""The folders of recorders: where `birdedge listen --out` writes, one for each source."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from birdedge.edge.database.schema import FILE_NAME

MAX_DEPTH = 3  # folders below a given one that are searched


class RecorderFolder(NamedTuple):
    """A folder with the database of one recorder, or of one source of a recorder.

    `name` is unique among the folders that were found together, and valid as one segment of a URL's path.
    """

    name: str
    path: Path


def find_folders(paths: Iterable[Path]) -> tuple[RecorderFolder, ...]:
    """Return the recorders in the given folders and below them, by name.

    A recorder may create its folder later, so the caller searches repeatedly. Below a recorder's folder, only the
    folders of its sources are searched.
    """
    found = sorted({path.resolve() for given in paths for path in _databases(given, MAX_DEPTH)})
    folders: dict[str, Path] = {}
    for path in found:
        name, number = path.name or "recorder", 2
        while name in folders:
            name, number = f"{path.name}-{number}", number + 1
        folders[name] = path
    return tuple(RecorderFolder(*folder) for folder in sorted(folders.items()))


def expected_folders(paths: Iterable[Path]) -> tuple[RecorderFolder, ...]:
    """Return the result of `find_folders`, and each given folder without a recorder: one is missing there."""
    given = tuple(paths)
    empty = [path.resolve() for path in given if not find_folders([path])]
    missing = [RecorderFolder(path.name or "recorder", path) for path in dict.fromkeys(empty)]
    return (*find_folders(given), *missing)


def place_name(folder: Path, site: str) -> str:
    """Return a name for people: the site, and the name of the folder if there are recorders next to it."""
    if site and next(_neighbours(folder), None) is None:
        return site
    return f"{site} {folder.name}".strip()


def _neighbours(folder: Path) -> Iterator[Path]:
    """Yield the other recorders in the folder above, and the recorder that it belongs to."""
    parent = folder.parent
    return (path for path in _databases(parent, 1) if path != folder)


def _databases(folder: Path, depth: int) -> Iterator[Path]:
    """Yield the folder if it holds a database, and those below it that do."""
    try:
        if (folder / FILE_NAME).is_file():
            yield folder
            depth = min(depth, 1)  # it may have sources; clips and tables have none
        if depth:
            with os.scandir(folder) as entries:
                below = [Path(entry) for entry in entries if entry.is_dir(follow_symlinks=False)]
            for path in below:
                yield from _databases(path, depth - 1)
    except OSError:
        return  # it is missing, or may not be read
