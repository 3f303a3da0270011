"""The recordings of an archive: in local folders, in object stores, and in lists."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.compute as pc

from birdedge.edge.archive.event_dataset import site_folder
from birdedge.edge.archive.files import FoundRecordings, kind_left_out, listed_names, recordings_in
from birdedge.edge.archive.units import BLOCK_FILES, PlannedFile
from birdedge.edge.audio.stream_url import shown_url
from birdedge.edge.errors import ExtraMissingError, SettingsError
from birdedge.edge.system.printable import valid_unicode

# The keys under which stores report what changes with the content of an object.
_VERSION_KEYS = (
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "LastModified",
    "last_modified",
    "mtime",
    "created",
    "modify",
)
MAX_NAME_BYTES = 255  # of a file or folder, on nearly all file systems


def is_url(path: str) -> bool:
    """Return whether a path is a URL, which fsspec reads, such as `s3://bucket/site/`."""
    return "://" in path


def planned_files(
    sources: Sequence[str], lists: Sequence[Path], site_level: int, found: FoundRecordings
) -> Iterator[PlannedFile]:
    """Yield the recordings in files, folders, URLs and lists, one at a time.

    Args:
        sources: Paths and URLs.
        lists: Files with a path or URL per line; `-` is standard input.
        site_level: Which folder below a source names the site, from 1; 0 for the source itself.
        found: Receives what is skipped, and why.

    Raises:
        SettingsError: A list cannot be read, or a URL has an unknown protocol.
        ExtraMissingError: The package for a URL is not installed.
    """
    for source in sources:
        yield from _recordings_of(source, site_level, found)
    for path in lists:
        for name in listed_names(path):
            yield from _recordings_of(name, site_level, found)


def _recordings_of(source: str, site_level: int, found: FoundRecordings) -> Iterator[PlannedFile]:
    before = len(found.errors)
    is_empty = True
    for file in _in_store(source, site_level, found) if is_url(source) else _local(source, site_level, found):
        is_empty = False
        yield file
    if is_empty and len(found.errors) == before:
        found.errors.append(f"{source} contains no audio file; give a folder that does")


def _local(source: str, site_level: int, found: FoundRecordings) -> Iterator[PlannedFile]:
    root = Path(os.path.abspath(source))  # noqa: PTH100 - not resolve(): a link keeps its own name
    is_folder = os.path.isdir(root)  # noqa: PTH112 - Path.is_dir() raises where a name is too long
    for path in recordings_in(root, found, _in_order) if is_folder else [root]:
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError as error:
            found.errors.append(f"{path} cannot be read ({error.strerror}): check the path")
            continue
        folders = path.relative_to(root).parts[:-1] if is_folder else ()
        site = _site(root if is_folder else root.parent, folders, site_level)
        yield PlannedFile(str(path), site, status.st_size, str(status.st_mtime_ns))


def _in_order(names: Iterator[str]) -> Iterator[str]:
    """Yield the names in a folder in sorted order, without holding 1,000,000 Python objects."""
    blocks: list[pa.Array] = []
    block: list[bytes] = []
    for name in names:
        block.append(os.fsencode(name))
        if len(block) == BLOCK_FILES:
            blocks.append(pa.array(block, pa.large_binary()))
            block = []
    column = pa.concat_arrays([*blocks, pa.array(block, pa.large_binary())])
    places = pc.sort_indices(column)
    for first in range(0, len(column), BLOCK_FILES):
        yield from map(os.fsdecode, column.take(places[first : first + BLOCK_FILES]).to_pylist())


def _in_store(url: str, site_level: int, found: FoundRecordings) -> Iterator[PlannedFile]:
    try:
        files, root = open_store(url)
        root = root.rstrip("/")
        base = url.rstrip("/").removesuffix(root)
        _refuse_password(files, base)
        for number, (info, site) in enumerate(_objects(files, root, site_level, found)):
            if number == 0:
                _require_url(files, base, info["name"])
            yield PlannedFile(base + info["name"], site, int(info["size"] or 0), version_of(info))
    except (SettingsError, ExtraMissingError):
        raise
    except FileNotFoundError:
        found.errors.append(f"{url} does not exist: check the URL")
    except Exception as error:  # each store raises its own exceptions
        found.errors.append(
            f"{url} cannot be listed ({_first_line(error)}): check the network and the credentials"
        )


def _objects(
    files: Any, root: str, site_level: int, found: FoundRecordings
) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield what a store knows of each recording, and its site."""
    if not files.isdir(root):
        yield files.info(root), Path(root).parent.name
        return
    for folder, folders, names in files.walk(root, detail=True, on_error="raise"):
        for name in [name for name in folders if kind_left_out(name.lower(), is_folder=True)]:
            found.left_out[str(kind_left_out(name.lower(), is_folder=True))] += 1
            del folders[name]  # so that it is not entered
        below = tuple(filter(None, folder.rstrip("/").removeprefix(root).split("/")))
        for name in sorted(filter(None, names)):
            if left_out := kind_left_out(name.lower(), is_folder=False):
                found.left_out[left_out] += 1
            else:
                yield names[name], _site(Path(root), below, site_level)


def open_store(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it.

    Raises:
        ExtraMissingError: Its package is not installed.
        SettingsError: Its protocol is unknown.
    """
    try:
        # An archive is listed once: a cache would keep all of it.
        files, path = fsspec.url_to_fs(url, use_listings_cache=False)
        return files, path
    except ImportError as error:
        raise ExtraMissingError(f"{url} needs a package that is not installed: {error}") from error
    except ValueError as error:
        raise SettingsError(
            f"{url} cannot be used ({error}): give a path, or a URL such as s3://bucket/site/"
        ) from error


def version_of(info: dict[str, Any]) -> str:
    """Return the version of an object, which changes with its content, from what its store reports."""
    return str(next((info[key] for key in _VERSION_KEYS if info.get(key) is not None), ""))


def _refuse_password(files: Any, base: str) -> None:
    password = files.storage_options.get("password")
    if password and f":{password}@" in base:
        scheme = base.partition("://")[0]
        raise SettingsError(
            f"the URL of {shown_url(base)} holds a password, which the run would store: leave it out, and set "
            f"FSSPEC_{scheme.upper()}_PASSWORD"
        )


def _require_url(files: Any, base: str, name: str) -> None:
    """Raise an error if the URL of an object does not lead back to it, as with a file within an archive."""
    try:
        is_same = open_store(base + name) == (files, name)
    except Exception:  # each store raises its own exceptions
        is_same = False
    if not is_same:
        raise SettingsError(
            f"{name} cannot be read by a URL of its own ({base}{name}): copy the recordings to a folder, and plan that"
        )


def _site(root: Path, folders: Sequence[str], level: int) -> str:
    """Return the name of the site of a recording in a folder below `root`."""
    return _checked(folders[level - 1] if 0 < level <= len(folders) else root.name)


@cache
def _checked(folder: str) -> str:
    site = valid_unicode(folder) or "archive"
    size_bytes = len(site_folder(site).encode())
    if size_bytes > MAX_NAME_BYTES:
        raise SettingsError(
            f"the site {site!r} needs a folder name of {size_bytes} bytes, and {MAX_NAME_BYTES} are possible: rename "
            "the folder, or choose another with --site-level"
        )
    return site


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
