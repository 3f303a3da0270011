"""The files of clips: their names, and how to list and delete them.

A clip is an audio file in a folder per day, named by time, frequency band and score. Its companions share its stem:
the denoised audio, the mask and the picture.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from birdedge.edge.system import atomic_file

if TYPE_CHECKING:  # a CutClip loads numpy, which naming files does not need
    from birdedge.edge.clips.clip import CutClip

SUFFIXES = (".flac", ".wav")


def companions(path: Path) -> tuple[Path, Path, Path]:
    """Return the paths of the denoised audio, the mask and the picture of a clip, whether they exist or not."""
    return (
        path.with_name(f"{path.stem}.denoised{path.suffix}"),
        path.with_name(f"{path.stem}.npz"),
        path.with_name(f"{path.stem}.png"),
    )


def size_bytes(path: Path) -> int:
    """Return the size of a clip and its companions."""
    return sum(file.stat().st_size for file in (path, *companions(path)) if file.exists())


def free_path(cut: CutClip, folder: Path, suffix: str) -> Path:
    """Return the path of a new clip, numbered if a clip or companion with the same name exists."""
    utc = cut.utc.astimezone(UTC)
    name = f"{utc:%Y%m%dT%H%M%S}.{utc.microsecond // 1000:03}Z"
    if cut.events:
        low_hz, high_hz = cut.band_hz
        name += f"_{low_hz:.0f}-{high_hz:.0f}Hz_{cut.score:.2f}"
    number, again = 1, ""
    while True:
        path = folder / f"{utc:%Y-%m-%d}" / f"{name}{again}.{suffix}"
        if not any(file.exists() for file in (path, *companions(path))):
            return path
        number += 1
        again = f"_{number}"


def clips_in(folder: Path) -> Iterator[Path]:
    """Yield the audio file of each clip in the folders of the days, without a list of them in memory."""
    for path in _paths_in(folder, _is_folder):
        for file in _paths_in(path, lambda entry: entry.name.endswith(SUFFIXES)):
            if not file.stem.endswith(".denoised"):
                yield file


def is_clip_path(path: Path, folder: Path) -> bool:
    """Return whether a path can be that of a clip: in the folder of a day in `folder`, also after its links."""
    return (
        path.suffix in SUFFIXES
        and ".." not in path.parts
        and path.parent.parent == folder
        and path.parent.resolve().parent == folder.resolve()
    )


def remove_clip(path: Path) -> bool:
    """Delete a clip and its companions, the audio first, and the folder of its day when it is empty.

    Returns:
        Whether there was an audio file. Missing files are ignored.

    Raises:
        OSError: A file cannot be deleted.
    """
    existed = path.exists()
    for file in (path, *companions(path)):
        file.unlink(missing_ok=True)
    with suppress(OSError):  # other clips are in it
        path.parent.rmdir()
    return existed


def remove_unfinished(folder: Path) -> None:
    """Delete the unfinished files that a power cut left behind.

    Raises:
        OSError: A file cannot be deleted.
    """
    for day in (folder, *_paths_in(folder, _is_folder)):
        atomic_file.remove_unfinished(day)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False)


def _paths_in(folder: Path, wanted: Callable[[os.DirEntry[str]], bool]) -> Iterator[Path]:
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if wanted(entry):
                yield Path(entry.path)
