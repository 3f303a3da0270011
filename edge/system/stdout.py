"""Standard output that another program may close."""

from __future__ import annotations

import os
import sys

from birdedge.edge.errors import OutputError
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
