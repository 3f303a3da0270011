"""Lines on a standard output that works, is closed early, or is full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PRINT_LINES = """
import sys
from birdedge.edge.errors import OutputError
from birdedge.edge.system.stdout import print_line
try:
    for line in range(100_000):
        if not print_line(f"line {line}"):
            sys.stderr.write("reader gone")
            break
except OutputError as error:
    sys.stderr.write(str(error))
"""


def test_each_line_is_flushed_and_a_closed_pipe_ends_the_output_without_an_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PRINT_LINES],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert [process.stdout.readline() for _ in range(2)] == ["line 0\n", "line 1\n"]
        process.stdout.close()
        assert process.stderr.read() == "reader gone"
        assert process.wait(30) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full exists only on Linux")
def test_a_full_disk_is_an_output_error() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", PRINT_LINES],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    assert done.stderr == "standard output cannot be written: No space left on device"
