"""A part of a file with other bytes in front of it, as a file object for libsndfile."""

from __future__ import annotations

import os
from pathlib import Path


class SplicedFile:
    """A file object that reads `prefix`, then the bytes `[begin, end)` of a file.

    libsndfile calls it from C, where an exception would be printed and lost, so a failed read returns nothing.

    Attributes:
        error: Why a read failed, or None.
    """

    def __init__(self, path: Path, begin: int, end: int, prefix: bytes = b"") -> None:
        self._file = path.open("rb")
        self._prefix, self._begin = prefix, begin
        self._size = len(prefix) + end - begin
        self._at = 0
        self.error: OSError | None = None

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; fewer at the end."""
        left = self._size - self._at
        size = left if size < 0 else max(0, min(size, left))
        data = self._prefix[self._at : self._at + size]
        if len(data) < size:
            try:
                self._file.seek(self._begin + self._at + len(data) - len(self._prefix))
                data += self._file.read(size - len(data))
            except OSError as error:
                self.error = error
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position of the next read."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._at

    def close(self) -> None:
        """Close the file."""
        self._file.close()
