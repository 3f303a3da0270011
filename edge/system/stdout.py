"""Standard output that another program may close or stop reading."""

from __future__ import annotations

import os
import sys

from birdedge.edge.errors import DiskError, OutputError
from birdedge.edge.system.printable import printable


def print_line(*lines: str) -> bool:
    """Print and flush lines; return False if the reader has closed the pipe, as `head` does.

    A line break within a line is printed as `\\u000a`, like every unprintable character.

    Raises:
        OutputError: Standard output cannot be written, for example on a full disk.
    """
    try:
        print(*map(printable, lines), sep="\n", flush=True)
        return True
    except OSError as error:
        # Otherwise Python raises again when it flushes the buffer on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return False
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error


class LineWriter:
    """Writes lines to standard output without Python's buffer, whose lock a blocked write would hold on exit.

    A line is written completely or not at all: the missing part of a line precedes the next one.
    """

    def __init__(self) -> None:
        self._rest = b""

    def write(self, line: str) -> None:
        """Write a line; do nothing if there was no standard output at the start.

        Raises:
            DiskError: Standard output cannot be written; a retry may succeed.
        """
        if sys.stdout is None:
            return
        rest, self._rest = self._rest, b""
        for data, is_rest in ((rest, bool(rest)), (f"{printable(line)}\n".encode(errors="replace"), False)):
            left = data
            try:
                while left:
                    left = left[os.write(sys.stdout.fileno(), left) :]
            except OSError as error:
                self._rest = left if is_rest or len(left) < len(data) else b""
                raise DiskError(f"standard output cannot be written: {error.strerror}") from error


def open_standard_streams() -> None:
    """Open any closed descriptor of 0 to 2; otherwise a file that is opened later would receive what is printed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
