"""Standard output that another program may close."""

from __future__ import annotations

import os
import sys

from birdedge.edge.errors import OutputError


def print_line(line: str) -> bool:
    """Print and flush a line; return False if the reader has closed the pipe, as `head` does.

    Raises:
        OutputError: Standard output cannot be written, for example on a full disk.
    """
    try:
        print(line, flush=True)
        return True
    except OSError as error:
        # Otherwise Python raises again when it flushes the buffer on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return False
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
