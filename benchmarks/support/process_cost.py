"""Run a command and print as JSON what it cost: `python benchmarks/support/process_cost.py COMMAND...`.

This is a small process of its own, because Linux counts into a command's peak memory that of the process it was
forked from.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Keys: exit_code, cpu_s (user and system), wall_s, peak_bytes (resident); the command's output is dropped."""
    silence = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    began_s = time.perf_counter()
    process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[silence])
    _, status, used = os.wait4(process, 0)
    cost = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "cpu_s": used.ru_utime + used.ru_stime,
        "wall_s": time.perf_counter() - began_s,
        "peak_bytes": 1024 * used.ru_maxrss,
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
