"""The recordings of an archive: the files and their total duration."""

from __future__ import annotations

import codecs
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from birdedge.edge.audio.file_types import SUFFIXES, UNSUPPORTED_SUFFIXES
from birdedge.edge.errors import AudioError, SettingsError

LIST_BLOCK_BYTES = 1 << 20  # read at once from a list; longer than any name
# In lower case. Names that begin with a dot are skipped anyway.
_SYSTEM_FOLDERS = frozenset(
    {
        "$recycle.bin",
        "recycler",
        "recycled",
        "system volume information",
        "lost+found",
        "lost.dir",
        "found.000",
        "@eadir",
        "#recycle",
        "__macosx",
        "network trash folder",
        "trash",
    }
)
_TRASH_PREFIXES = (".trash", ".spotlight-", ".fseventsd", ".documentrevisions-", ".temporaryitems")


@dataclass
class FoundRecordings:
    """The recordings that were found, and what was skipped.

    Attributes:
        paths: The paths of the recordings, as given and sorted within each folder.
        left_out: The number of entries of each kind that was skipped on purpose.
        errors: A sentence for each folder that cannot be read or has no recording.
    """

    paths: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def left_out_text(self) -> str:
        """Return what was skipped, as a list for a person."""
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.left_out.items()))


def find_recordings(paths: Sequence[Path]) -> FoundRecordings:
    """Return the files as given, with each folder replaced by the recordings in it.

    Raises:
        SettingsError: There is no recording at all.
    """
    found = FoundRecordings()
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises where a name is too long
            found.paths.append(path)
            continue
        before = len(found.errors)
        inside = sorted(recordings_in(path, found))
        if not inside and len(found.errors) == before:
            text = f" (left out: {found.left_out_text()})" if found.left_out else ""
            found.errors.append(f"{path} contains no audio file{text}; give a folder that does")
        found.paths += inside
    if not found.paths:
        raise SettingsError(found.errors[0] if found.errors else "no file was given")
    return found


def read_list(path: Path) -> list[Path]:
    """Return the paths in a list; see `listed_names`.

    Raises:
        SettingsError: The list cannot be read, or is empty.
    """
    return [Path(name) for name in listed_names(path)]


def listed_names(path: Path) -> Iterator[str]:
    """Yield the names in a list, one per line or each terminated by NUL; `-` is standard input.

    A list in UTF-16, as Windows writes it, begins with a byte order mark.

    Raises:
        SettingsError: The list cannot be read, or is empty.
    """
    is_empty = True
    try:
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as file:
            for name in _names(file):
                is_empty = False
                yield os.fsdecode(name)
    except (OSError, AttributeError) as error:  # AttributeError: standard input is closed
        reason = getattr(error, "strerror", None) or "it is closed"
        raise SettingsError(
            f"the list {path} cannot be read ({reason}): give a text file of paths"
        ) from error
    if is_empty:
        raise SettingsError(f"the list {path} is empty: give a path per line")


def _names(file: BinaryIO) -> Iterator[bytes]:
    """Yield the names in a list; NUL separates them if the first block, in which the first name ends, contains one."""
    rest, separator, end = b"", b"", b""
    for block in _utf8_blocks(file):
        if not separator:
            separator, end = (b"\0", b"") if b"\0" in block else (b"\n", b"\r")
        *names, rest = (rest + block).split(separator)
        yield from filter(None, (name.removesuffix(end) for name in names))
    if rest.removesuffix(end):
        yield rest.removesuffix(end)


def _utf8_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield a list as UTF-8 blocks without a byte order mark; the first block contains the end of a name."""
    block = file.read(LIST_BLOCK_BYTES)
    is_utf16 = block.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # every other byte can be NUL
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    block = block.removeprefix(codecs.BOM_UTF8)
    while block:
        yield decoder.decode(block).encode() if is_utf16 else block
        block = file.read(LIST_BLOCK_BYTES)


def total_duration_s(paths: Iterable[Path]) -> float:
    """Return the sum of the durations in the headers; files that cannot be read are skipped."""
    from birdedge.edge.audio.file import AudioFile

    total_s = 0.0
    for path in filter(os.path.isfile, paths):  # opening a pipe would block
        with suppress(AudioError), AudioFile(path) as file:
            total_s += file.length_samples / file.sample_rate_hz
    return total_s


def recordings_in(
    root: Path,
    found: FoundRecordings,
    in_order: Callable[[Iterator[str]], Iterable[str]] = sorted,
) -> Iterator[Path]:
    """Yield the recordings in a folder. Each folder and file is read once, by its own path rather than through a link.

    Args:
        root: The folder.
        found: Receives what is skipped.
        in_order: Sorts the names of the recordings of one folder.
    """
    folders, linked_folders, linked_files = [root], list[Path](), list[Path]()
    read = set[str]()  # real paths of folders
    while folders or linked_folders:
        is_link = not folders
        folder = linked_folders.pop(0) if is_link else folders.pop()
        real = os.path.realpath(folder)
        if real in read:
            found.left_out["link(s) to files or folders already read"] += is_link
            continue
        read.add(real)
        inside = _Links()
        for name in in_order(_names_in(folder, found, inside)):
            yield folder / name
        folders += [folder / name for name in sorted(inside.folders, reverse=True)]
        linked_folders += [folder / name for name in sorted(inside.linked_folders)]
        linked_files += [folder / name for name in inside.linked_files]
    for path in sorted(linked_files):
        if _is_read(os.path.realpath(path), read):
            found.left_out["link(s) to files or folders already read"] += 1
        else:  # several links to one file elsewhere are separate recordings, as in `unique_stems`
            yield path


@dataclass
class _Links:
    """The subfolders and the links of a folder, which are followed after its own files."""

    folders: list[str] = field(default_factory=list)
    linked_folders: list[str] = field(default_factory=list)
    linked_files: list[str] = field(default_factory=list)


def _names_in(folder: Path, found: FoundRecordings, links: _Links) -> Iterator[str]:
    """Yield the names of the recordings in a folder that are not links."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                kind = _kind(entry)
                if kind == "folder":
                    (links.linked_folders if entry.is_symlink() else links.folders).append(entry.name)
                elif kind == "recording" and entry.is_symlink():
                    links.linked_files.append(entry.name)
                elif kind == "recording":
                    yield entry.name
                else:
                    found.left_out[kind] += 1
    except OSError as error:
        found.errors.append(f"{folder} cannot be read ({error.strerror}): check its permissions and its disk")


def _is_read(real: str, read: set[str]) -> bool:
    """Return whether a real path is that of a recording in a folder that was read."""
    folder, name = os.path.split(real)
    return folder in read and kind_left_out(name.lower(), is_folder=False) is None


def _kind(entry: os.DirEntry[str]) -> str:
    """Return `folder`, `recording`, or the kind of an entry that is skipped."""
    name = entry.name.lower()
    try:
        is_folder, is_file = entry.is_dir(), entry.is_file()
    except PermissionError:  # a link into an inaccessible folder, which is reported when it is read
        is_file = os.path.splitext(name)[1] in SUFFIXES  # noqa: PTH122
        is_folder = not is_file
    except OSError:  # a link to itself
        is_folder = is_file = False
    is_broken = entry.is_symlink() and not (is_folder or is_file)
    if left_out := kind_left_out(name, is_folder, is_broken):
        return left_out
    if is_folder:
        return "folder"
    return "recording" if is_file else "special file(s)"


def kind_left_out(name: str, is_folder: bool, is_broken: bool = False) -> str | None:
    """Return why a name, in lower case, is skipped; None for a recording or a folder to search."""
    suffix = os.path.splitext(name)[1]  # noqa: PTH122
    is_recording = suffix in SUFFIXES
    unsupported = f"{suffix} file(s), which cannot be read: convert them with ffmpeg"
    reasons = {
        "trash and system folder(s)": is_folder
        and (name in _SYSTEM_FOLDERS or name.startswith(_TRASH_PREFIXES)),
        "file(s) of macOS (._*)": name.startswith("._"),
        "hidden folder(s)": is_folder and name.startswith("."),
        "hidden file(s)": name.startswith("."),
        "broken link(s)": is_broken,
        unsupported: not is_folder and suffix in UNSUPPORTED_SUFFIXES,
        "file(s) that are no audio": not is_folder and not is_recording,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)
