"""Freed memory returns to the system, even below blocks that are still in use."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# A large array is freed; then many others are allocated and freed, each followed by a small block that is kept.
CLIPS = """
import numpy as np
from birdedge.edge.system.malloc import return_freed_memory

def resident_bytes():
    return 4096 * int(open("/proc/self/statm").read().split()[1])

{call}
long = np.ones(10_000_000, np.int16)
del long
before = resident_bytes()
clips, small = [], []
for _ in range(20):
    clips.append(np.ones(500_000, np.int16))
    small.append(bytearray(2_000))
del clips
print(resident_bytes() - before)
"""


def grown_bytes(call: str) -> int:
    code = CLIPS.format(call=call)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps freed memory")
def test_the_memory_of_freed_clips_is_returned() -> None:
    assert grown_bytes("") > 4e6  # otherwise this test shows nothing
    assert grown_bytes("return_freed_memory()") < 1e6
