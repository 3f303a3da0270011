"""`make` on a machine that lacks something."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from birdedge.train.cli import train
from birdedge.train.training.recipe import read_recipe
from tests.support.commands import BIRDEDGE, ENVIRONMENT, ROOT
from tests.support.waiting import wait_until


def test_the_error_for_a_missing_interpreter_names_the_command_that_installs_it(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        ["make", "listen", "PYTHON=python-that-is-missing"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "There is no python-that-is-missing; run: sudo apt install python3 python3-venv" in done.stderr


def test_weights_are_trained_after_their_teachers_and_an_interrupted_run_continues(tmp_path: Path) -> None:
    (tmp_path / "runs" / "small").mkdir(parents=True)
    (tmp_path / "runs" / "small" / "last.pt").touch()
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = subprocess.run(
        # ARGS is set, since `make test ARGS=...` passes its own on.
        ["make", "--dry-run", "--old-file", ".venv/installed", "weights", "DATA=my recordings", "ARGS="],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    commands = [shlex.split(line) for line in done.stdout.splitlines() if "birdedge train" in line]
    trained: list[str] = []
    for command in commands:
        context = train.make_context("train", command[2:])
        recipe = context.params["recipe"]
        given = [*context.params["teachers"], *filter(None, [context.params["initial"]])]
        assert {path.parent.name for path in given} <= set(trained)
        assert context.params["data"] == Path("my recordings")
        assert context.params["resume"] == (recipe == "small")
        assert bool(context.params["teachers"]) == (read_recipe(recipe).training.teacher_share > 0)
        trained.append(recipe)
    assert sorted(trained) == [
        "compact",
        "distilled",
        "light",
        "open",
        "small",
        "teacher",
        "teacher-deeplab",
        "tuned",
    ]


def test_the_demo_shows_moving_masks_within_30_seconds_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    installed = tmp_path / ".venv-demo" / "bin" / "birdedge"
    installed.parent.mkdir(parents=True)
    installed.write_text(f'#!/bin/sh\nexec {shlex.join(BIRDEDGE)} "$@"\n', encoding="utf-8")
    installed.chmod(0o755)
    command = ("make", "--old-file", ".venv-demo/installed", "demo", "ARGS=--listen 127.0.0.1:0")
    (installed.parents[1] / "installed").touch()
    began_s = time.monotonic()
    process = subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        url = process.stdout.readline().strip()
        pictures = masked_pictures(url)
        assert next(pictures) != next(pictures)
        assert time.monotonic() - began_s < 30
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does
        process.communicate(timeout=30)
    wait_until(lambda: list((tmp_path / "build").iterdir()) == [])


def masked_pictures(url: str) -> Iterator[bytes]:
    """Yield the packets of the live view in which a mask marks something."""
    stream = f"{url.replace('http:', 'ws:')}api/stream"
    while True:
        with suppress(WebSocketException, TimeoutError), connect(stream, open_timeout=5) as live:
            while True:
                packet = live.recv(timeout=10)
                if isinstance(packet, bytes):
                    _, _, bins, frames, _, _ = struct.unpack("<BBHHHd", packet[:16])
                    if any(packet[16 + bins * frames :]):
                        yield packet
        time.sleep(0.2)  # the recorder is not listening yet
