"""The recordings of an archive: which files there are, and how long they are."""

from __future__ import annotations

import codecs
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from birdedge.edge.audio.file_types import SUFFIXES, UNSUPPORTED_SUFFIXES
from birdedge.edge.errors import AudioError, SettingsError

# In lower case. Names that begin with a dot are left out anyway.
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
    """The recordings that were found, and what was not taken.

    Attributes:
        paths: Of the recordings, as given and sorted within each folder.
        left_out: How many there are of each kind that was left out on purpose.
        errors: A sentence for each folder that cannot be read or has no recording.
    """

    paths: list[Path] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def left_out_text(self) -> str:
        """Return what was left out, as a list for a person."""
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
        inside = sorted(_recordings_in(path, found))
        if not inside and len(found.errors) == before:
            text = f" (left out: {found.left_out_text()})" if found.left_out else ""
            found.errors.append(f"{path} contains no audio file{text}; give a folder that does")
        found.paths += inside
    if not found.paths:
        raise SettingsError(found.errors[0] if found.errors else "no file was given")
    return found


def read_list(path: Path) -> list[Path]:
    """Return the paths in a list, one per line or each ended by NUL; `-` is standard input.

    A list in UTF-16, as Windows writes it, begins with its byte order mark.

    Raises:
        SettingsError: The list cannot be read, or is empty.
    """
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except (OSError, AttributeError) as error:  # AttributeError: standard input is closed
        reason = getattr(error, "strerror", None) or "it is closed"
        raise SettingsError(
            f"the list {path} cannot be read ({reason}): give a text file of paths"
        ) from error
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # of which every other byte can be NUL
        data = data.decode("utf-16", "replace").encode()
    data = data.removeprefix(codecs.BOM_UTF8)
    lines = data.split(b"\0") if b"\0" in data else [line.removesuffix(b"\r") for line in data.split(b"\n")]
    names = [os.fsdecode(line) for line in lines if line]
    if not names:
        raise SettingsError(f"the list {path} is empty: give a path per line")
    return [Path(name) for name in names]


def total_duration_s(paths: Iterable[Path]) -> float:
    """Return the sum of the durations by the headers, without files that cannot be read."""
    from birdedge.edge.audio.file import AudioFile

    total_s = 0.0
    for path in filter(os.path.isfile, paths):  # opening a pipe would block
        with suppress(AudioError), AudioFile(path) as file:
            total_s += file.length_samples / file.sample_rate_hz
    return total_s


def _recordings_in(root: Path, found: FoundRecordings) -> Iterator[Path]:
    """Yield the recordings in a folder. Each folder and file in it is read once, by its own path rather than a link."""
    folders, linked_folders, linked_files = [root], list[Path](), list[Path]()
    read = set[str]()  # real paths
    while folders or linked_folders:
        is_link = not folders
        folder = linked_folders.pop(0) if is_link else folders.pop()
        real = os.path.realpath(folder)
        if real in read:
            found.left_out["link(s) to what is read already"] += is_link
            continue
        read.add(real)
        for entry in _entries(folder, found):
            kind = _kind(entry)
            path = folder / entry.name
            if kind == "folder":
                (linked_folders if entry.is_symlink() else folders).append(path)
            elif kind == "recording" and entry.is_symlink():
                linked_files.append(path)
            elif kind == "recording":
                read.add(os.path.join(real, entry.name))  # noqa: PTH118
                yield path
            else:
                found.left_out[kind] += 1
    for path in sorted(linked_files):
        if os.path.realpath(path) in read:
            found.left_out["link(s) to what is read already"] += 1
        else:  # several links to one file elsewhere are recordings of their own, as in `unique_stems`
            yield path


def _entries(folder: Path, found: FoundRecordings) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        found.errors.append(f"{folder} cannot be read ({error.strerror}): check its permissions and its disk")
        return []


def _kind(entry: os.DirEntry[str]) -> str:
    """Return `folder`, `recording`, or the kind that is left out."""
    name = entry.name.lower()
    try:
        is_folder, is_file = entry.is_dir(), entry.is_file()
    except PermissionError:  # a link into a folder that may not be entered, which is reported when it is read
        is_file = os.path.splitext(name)[1] in SUFFIXES  # noqa: PTH122
        is_folder = not is_file
    except OSError:  # a link to itself
        is_folder = is_file = False
    is_broken = entry.is_symlink() and not (is_folder or is_file)
    if left_out := _kind_left_out(name, is_folder, is_broken):
        return left_out
    if is_folder:
        return "folder"
    return "recording" if is_file else "special file(s)"


def _kind_left_out(name: str, is_folder: bool, is_broken: bool) -> str | None:
    """Return why this name, in lower case, is left out; None if it is a folder to search or a recording."""
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
