"""Instructions of a program, counted by valgrind.

valgrind presents the same processor to every program (on x86-64 one with AVX2, without VNNI and AVX-512), so its counts
do not depend on the machine or its load.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.support.command_cost import ONE_THREAD

COMMAND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
ROOT = Path(__file__).parents[2]


class Counted(NamedTuple):
    """The output of a program, and the instructions of each of its processes by process ID."""

    printed: str
    instructions: dict[str, int]


def unavailable() -> str | None:
    """Return why nothing can be counted, or None if it can."""
    found = shutil.which("valgrind") is not None
    return None if found else "valgrind is not installed; run: sudo apt install valgrind"


def count_instructions(command: Sequence[str]) -> Counted:
    """Run a program on one thread, in the root of the repository, and count its instructions.

    Raises:
        subprocess.CalledProcessError: The program failed; `stderr` is its own, without the lines of valgrind.
    """
    run = subprocess.run(
        [*COMMAND, *command],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        own = [line for line in run.stderr.splitlines() if not line.startswith("==")]
        raise subprocess.CalledProcessError(run.returncode, run.args, run.stdout, "\n".join(own))
    counts = re.findall(r"==(\d+)== I\s+refs:\s+([\d,]+)", run.stderr)
    return Counted(run.stdout, {process: int(count.replace(",", "")) for process, count in counts})
