"""A database without rows, and one of two boots."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from birdedge.edge.database.connection import open_to_write, reading
from birdedge.edge.health import Health
from birdedge.edge.messages import ClipWritten, HealthReported
from tests.support.streams import RATE_HZ, Clocks, MessageStream, end, kill, started


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database without rows."""
    open_to_write(tmp_path)[0].close()
    with reading(tmp_path) as db:
        yield db


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A boot with a run that stopped, and another boot with a run that still runs but has lost its device."""
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    for onset_s in (4.0, 2.0):
        stream.detect(onset_s)
    for name, second, score, size_bytes in (("b", 5, 0.9, 100), ("c", 7, 0.5, 200), ("a", 3, 0.5, 400)):
        stamp = stream.timekeeper.stamp(second * RATE_HZ)
        run_log.apply(ClipWritten(f"{name}.flac", stamp, RATE_HZ, size_bytes, score))
    end(run_log, clocks)
    clocks.advance(60.0)
    clocks.boot_s = 5.0
    clocks.synchronized = False
    run_log = started(tmp_path, clocks, "next boot")
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(20)
    stream.lose(0.5)
    stream.hear(1)
    stream.detect(6.0)
    health = HealthReported(stream.timekeeper.stamp(0), Health(device="mic"))
    run_log.apply(health)
    stream.break_off()
    run_log.commit()
    with reading(tmp_path) as db:
        yield db
    kill(run_log)
