"""How the process holds memory: what is freed goes back at once, so that months take no more than hours."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# mallopt(3) of glibc. Left alone it takes ever longer arrays from the heap, each where the last had been almost long
# enough, and gives each thread a heap of its own.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
THRESHOLD_BYTES = (
    131_072  # above what the arrays of one call take, which would else be asked of the system anew
)


def return_freed_memory() -> None:
    """Called before there are threads; nothing where the C library is another."""
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in (
            (M_TRIM_THRESHOLD, THRESHOLD_BYTES),
            (M_MMAP_THRESHOLD, THRESHOLD_BYTES),
            (M_ARENA_MAX, 1),
        ):
            mallopt(option, value)
