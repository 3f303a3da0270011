"""Whether a disk accepts data at present."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

CHECKED_BYTES = 1_000_000  # a disk with less room is full: SQLite needs some to commit


def can_write(folder: Path) -> bool:
    """Return whether a file of a megabyte can be written to a folder and synced; no file stays there."""
    with suppress(OSError), tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        written = file.write(bytes(CHECKED_BYTES))
        os.fsync(file.fileno())
        return written == CHECKED_BYTES
    return False
