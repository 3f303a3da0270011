"""CPU time, duration and peak memory of a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class CommandCost:
    """The cost of a command that succeeded."""

    cpu_s: float  # user and system
    wall_s: float
    peak_bytes: int  # resident


def command_cost(command: Sequence[str]) -> CommandCost:
    """Run a command on one thread, drop its output, and return its cost.

    Raises:
        subprocess.CalledProcessError: The command failed.
    """
    launcher = [sys.executable, str(Path(__file__).with_name("process_cost.py"))]
    environment = {**os.environ, **ONE_THREAD}
    process = subprocess.run(
        [*launcher, *command], env=environment, capture_output=True, text=True, check=False
    )
    cost = json.loads(process.stdout or "{}")
    if cost.pop("exit_code", 1) != 0:
        raise subprocess.CalledProcessError(
            process.returncode or 1, list(command), process.stdout, process.stderr
        )
    return CommandCost(**cost)
