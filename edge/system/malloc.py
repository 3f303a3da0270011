"""Settings of the C library's allocator that keep the memory of a long-running process constant."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# mallopt(3) of glibc. By default it raises its mmap threshold after each large block that is freed, so that large
# arrays fragment the heap, and it gives each thread a heap of its own.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
THRESHOLD_BYTES = (
    131_072  # above the arrays of one network call, which would otherwise be mapped on every call
)


def return_freed_memory() -> None:
    """Make the allocator return freed memory to the system at once.

    Call it before threads start. It does nothing with a C library other than glibc.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in (
            (M_TRIM_THRESHOLD, THRESHOLD_BYTES),
            (M_MMAP_THRESHOLD, THRESHOLD_BYTES),
            (M_ARENA_MAX, 1),
        ):
            mallopt(option, value)
