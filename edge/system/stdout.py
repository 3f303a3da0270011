"""Lines on standard output."""

from __future__ import annotations

import os
import sys

from birdedge.edge.errors import OutputError


def print_line(line: str) -> bool:
    """Print a line at once; return False if whoever read standard output is gone (`| head`)."""
    try:
        print(line, flush=True)
    except OSError as error:
        # What is still in the buffer would raise again as Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return False
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error
    return True
