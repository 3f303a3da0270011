"""The files of clips: their names, and how to list and delete them.

A clip is an audio file in a folder per day, named by time, frequency band and score. Its companions share its stem:
the denoised audio, the mask and the picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

from birdedge.edge.clips.clip import CutClip


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
    """Yield the audio file of each clip in the folders of the days."""
    for path in folder.glob("*/*"):
        if path.suffix in (".flac", ".wav") and not path.stem.endswith(".denoised"):
            yield path


def remove_clip(path: Path) -> None:
    """Delete a clip and its companions, the audio first; missing files are ignored.

    Raises:
        OSError: A file cannot be deleted.
    """
    for file in (path, *companions(path)):
        file.unlink(missing_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Delete the unfinished files that a power cut left behind; no other process may be writing to the folder.

    Raises:
        OSError: A file cannot be deleted.
    """
    for part in folder.glob("**/.birdedge-*.part"):
        part.unlink(missing_ok=True)
