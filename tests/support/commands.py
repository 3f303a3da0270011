"""Run `birdedge` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BIRDEDGE = (sys.executable, "-m", "birdedge")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "BIRDEDGE_CONFIG": os.devnull}


def run(
    *command: object, cwd: Path, stdin: bytes = b"", environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=ENVIRONMENT | (environment or {}),
        input=stdin,
        capture_output=True,
        timeout=60,
        check=False,
    )


def birdedge(
    *arguments: object,
    cwd: Path,
    exit_code: int = 0,
    stdin: bytes = b"",
    environment: dict[str, str] | None = None,
) -> tuple[str, str]:
    """Run a command, require its exit code, and return its standard output and standard error."""
    done = run(*BIRDEDGE, *arguments, cwd=cwd, stdin=stdin, environment=environment)
    assert done.returncode == exit_code, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def error_of(done: subprocess.CompletedProcess[bytes]) -> str:
    """Require that a command failed with one sentence on standard error and nothing else, and return it."""
    stderr = done.stderr.decode()
    assert done.returncode == 1, stderr
    assert done.stdout == b""
    assert "Traceback" not in stderr
    errors = [line for line in stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, stderr
    assert len(errors[0]) > len("Error: ") + 10
    return errors[0]


def events(output: str) -> list[dict[str, Any]]:
    """Return the events of JSON Lines."""
    return [json.loads(line) for line in output.splitlines()]


def without_file(listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events without the name of their recording."""
    return [{key: value for key, value in event.items() if key != "file"} for event in listed]
