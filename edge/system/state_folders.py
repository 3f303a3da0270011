"""Folders for files of a service that cannot be stored with its results."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def state_folders() -> list[Path]:
    """Return folders to try in turn: the service's, the user's, and one for temporary files.

    They may be missing. The last one is left out if it exists and belongs to another user.
    """
    service = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    user = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 no home, no error
    folders = [Path(service)] if service else []
    if Path(user).is_absolute():
        folders.append(Path(user, "birdedge"))
    temporary = Path(tempfile.gettempdir(), f"birdedge-{os.getuid()}")
    if not os.path.lexists(temporary) or temporary.lstat().st_uid == os.getuid():
        folders.append(temporary)
    return folders
