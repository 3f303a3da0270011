"""Waiting for another thread."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

TIMEOUT_VARIABLE = "BIRDEDGE_TEST_TIMEOUT_S"  # shorter where the condition never becomes true
TIMEOUT_S = float(os.environ.get(TIMEOUT_VARIABLE, "60"))


def wait_until(condition: Callable[[], object], timeout_s: float = TIMEOUT_S) -> None:
    """Return as soon as the condition is true; fail after the timeout."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, f"still not true after {timeout_s} s"
        time.sleep(0.001)
