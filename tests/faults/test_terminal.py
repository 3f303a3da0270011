"""A recorder that was started by hand continues when its terminal, or the reader of its log, goes away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.support.virtual_microphone import VirtualMicrophone
from tests.support.commands import BIRDEDGE, ENVIRONMENT
from tests.support.waiting import wait_until


def command(folder: Path) -> list[str]:
    config = folder / "config.toml"
    config.write_text("min_score = 0.8\n[clips]\nkeep = 'none'\n", encoding="utf-8")
    return [*BIRDEDGE, "listen", "--config", str(config), "--out", str(folder / "out")]


def status(folder: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*BIRDEDGE, "status", folder / "out", "--json"],
        env=ENVIRONMENT,
        capture_output=True,
        timeout=30,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout) if done.stdout else {}
    return found


def goes_on(
    process: subprocess.Popen[bytes], folder: Path, microphone: VirtualMicrophone, song: Path
) -> None:
    """Require that the recorder hears what is played now, and stops cleanly."""
    microphone.play(song)
    table = "*.jsonl"
    wait_until(lambda: any(path.stat().st_size for path in (folder / "out").glob(table)), timeout_s=30.0)
    time.sleep(1.0)
    assert process.poll() is None
    found = status(folder)
    assert found["state"] == "listening", found
    assert found["health"]["output_problem"] is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_the_recorder_continues_when_its_terminal_closes(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    terminal, its_end = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", *command(tmp_path)],
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        env={**ENVIRONMENT, **breakable_microphone.environment},
    ) as process:
        os.close(its_end)
        try:
            printed = b""
            while b"listening to" not in printed:
                printed += os.read(terminal, 4096)
            time.sleep(0.5)
            os.close(terminal)  # the kernel sends SIGHUP, and each write fails from now on
            goes_on(process, tmp_path, breakable_microphone, song)
        finally:
            process.kill()


def test_the_recorder_continues_when_the_readers_of_its_output_and_log_go_away(
    breakable_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    with subprocess.Popen(
        command(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **breakable_microphone.environment},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            while b"listening to" not in process.stderr.readline():
                pass
            process.stdout.close()
            process.stderr.close()
            goes_on(process, tmp_path, breakable_microphone, song)
        finally:
            process.kill()
