"""Fixtures for tests of commands."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from birdedge.cli import main
from birdedge.edge.synthesis.soundscape import soundscape
from tests.support.commands import BIRDEDGE, birdedge, error_of, run

RATE_HZ = 32_000

Command = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s of the demo in a file."""
    folder = tmp_path_factory.mktemp("demo")
    birdedge("demo", "demo.wav", "--duration", 20, cwd=folder)
    return folder / "demo.wav"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """3 s of audio in `good.wav` in the current folder of `failing`."""
    path = tmp_path / "good.wav"
    soundfile.write(path, soundscape(3.0, 2).samples, RATE_HZ)
    return path


@pytest.fixture
def run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Run a command in this process, which has already imported what a new one would import first."""
    monkeypatch.chdir(tmp_path)
    at_sigterm = signal.getsignal(signal.SIGTERM)

    def command(*arguments: object) -> subprocess.CompletedProcess[bytes]:
        monkeypatch.setattr(sys, "argv", ["birdedge", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        stdout, stderr = capfd.readouterr()
        code = ended.value.code or 0  # None after success
        assert isinstance(code, int)
        return subprocess.CompletedProcess(sys.argv, code, stdout.encode(), stderr.encode())

    yield command
    signal.signal(signal.SIGTERM, at_sigterm)


@pytest.fixture
def failing(tmp_path: Path, run_here: Command) -> Callable[..., str]:
    """Run a command that must fail and leave no new file, and return its error.

    It runs in a separate process if standard input or environment variables are given.
    """

    def command(
        *arguments: object, stdin: bytes | None = None, environment: dict[str, str] | None = None
    ) -> str:
        before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        if stdin is None and environment is None:
            done = run_here(*arguments)
        else:
            done = run(*BIRDEDGE, *arguments, cwd=tmp_path, stdin=stdin or b"", environment=environment)
        error = error_of(done)
        # A folder given as an option may have been created.
        assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before
        return error

    return command
