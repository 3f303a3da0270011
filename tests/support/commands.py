"""Run `birdedge` in a separate process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click

from birdedge.cli import COMMANDS
from birdedge.cli import birdedge as group

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


def run_python(code: str, environment: dict[str, str], stdin: str = "", cwd: Path = ROOT) -> str:
    """Run Python code in exactly this environment, require that it succeeds, and return its standard output."""
    process = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return process.stdout


@dataclass(frozen=True)
class Running:
    """A command in a separate process, with unbuffered pipes."""

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]


@contextmanager
def running(*arguments: object, cwd: Path) -> Iterator[Running]:
    """Start a command, and kill it at the end of the block if it is still running."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*BIRDEDGE, *map(str, arguments)],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        bufsize=0,
    )
    with process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        try:
            yield Running(process, process.stdin, process.stdout, process.stderr)
        finally:
            process.kill()


def write_all(pipe: IO[bytes], data: bytes) -> None:
    """Write to an unbuffered pipe, which may accept less than it is given."""
    while data:
        data = data[pipe.write(data) :]


def command_words() -> list[tuple[str, ...]]:
    """Return the words of each command, and of each command of a group."""
    context = click.Context(group)
    words: list[tuple[str, ...]] = []
    for name in COMMANDS:
        words.append((name,))
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            words += [(name, part) for part in command.list_commands(context)]
    return words


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
