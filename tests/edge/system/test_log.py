"""The log on standard error, with and without the journal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import logging
from birdedge.edge.system.log import start_log
start_log()
start_log()  # a second call must not duplicate lines
log = logging.getLogger("birdedge.edge.daemon")
log.debug("too much")
log.info("listening")
log.warning("12 samples lost")
log.error("device lost")
try:
    raise OSError("gone")
except OSError:
    log.exception("not expected")
"""


def logged(journal: bool) -> list[str]:
    """Return the lines on standard error of a program whose JOURNAL_STREAM names this stream or another."""
    reading, writing = os.pipe()
    pipe = os.fstat(writing)
    stream = f"{pipe.st_dev}:{pipe.st_ino}" if journal else "1:1"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "JOURNAL_STREAM": stream}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, stderr=writing, check=True, timeout=60)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as file:
        return file.read().splitlines()


def test_each_line_in_the_journal_starts_with_its_priority() -> None:
    lines = logged(journal=True)
    assert lines[:4] == ["<6>listening", "<4>12 samples lost", "<3>device lost", "<3>not expected"]
    assert lines[4] == "<3>Traceback (most recent call last):"
    assert lines[-1] == "<3>OSError: gone"
    assert all(line.startswith("<3>") for line in lines[4:])


def test_outside_the_journal_each_message_starts_with_the_program_name() -> None:
    lines = logged(journal=False)
    assert lines[:3] == ["birdedge: listening", "birdedge: 12 samples lost", "birdedge: device lost"]


def test_a_note_that_nobody_can_read_is_not_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    code = "from birdedge.edge.system.log import note; note('12 events'); note('again')"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, stderr=writing, timeout=60, check=False
    )
    os.close(writing)
    assert done.returncode == 0
