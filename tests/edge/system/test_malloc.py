"""Memory that was freed is given back, whatever lies above it."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# A long clip goes; then many come and go, and after each something small stays.
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


def grown_bytes(call):
    code = CLIPS.format(call=call)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps it")
def test_what_long_clips_took_is_given_back():
    assert grown_bytes("") > 4e6  # else this test shows nothing
    assert grown_bytes("return_freed_memory()") < 1e6
