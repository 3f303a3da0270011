"""Lines of a process with the times of their arrival."""

from __future__ import annotations

import subprocess

from birdedge.edge.system.clock import monotonic_s

TimedLine = tuple[float, bytes]  # arrival on the monotonic clock in seconds, and the line


def read_lines(process: subprocess.Popen[bytes], lines: list[TimedLine]) -> None:
    """Append each line of the process's standard output to `lines`, until the process ends."""
    assert process.stdout
    lines.extend((monotonic_s(), line) for line in process.stdout)
