"""Run a command and print its cost as JSON: `python benchmarks/support/process_cost.py COMMAND...`.

This is a separate small process because Linux includes the forking process's peak memory in the command's.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main() -> None:
    """Print exit_code, cpu_s (user and system), wall_s and peak_bytes (resident); drop the command's output."""
    discard = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    start_s = time.perf_counter()
    process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[discard])
    _, status, usage = os.wait4(process, 0)
    cost = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "wall_s": time.perf_counter() - start_s,
        "peak_bytes": 1024 * usage.ru_maxrss,
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
