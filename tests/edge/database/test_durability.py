"""A database whose writer is killed at any moment is intact and holds everything that was committed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from birdedge.edge.database.connection import open_to_write
from tests.support.streams import rows_of

ROOT = Path(__file__).parents[3]
# Commits audio second by second, each with its clip, and prints the number of each second once it is committed.
WRITER = """
import sys
from pathlib import Path
from birdedge.edge.messages import ClipWritten
from tests.support.streams import RATE_HZ, Clocks, MessageStream, started
clocks = Clocks()
run_log = started(Path(sys.argv[1]), clocks)
stream = MessageStream(run_log.apply, clocks)
run_log.commit()
second = 0
while True:
    second += 1
    stream.hear(1)
    stamp = stream.timekeeper.stamp(stream.sample)
    run_log.apply(ClipWritten(f"{second}.flac", stamp, RATE_HZ, 1, 0.9))
    run_log.commit()
    print(second, flush=True)
"""


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_writer_loses_no_committed_row(tmp_path: Path, seed: int) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        text=True,
    )
    assert writer.stdout is not None
    first = writer.stdout.readline()
    assert first == "1\n"
    time.sleep(0.05 + 0.037 * seed)
    writer.send_signal(signal.SIGKILL)
    committed = [int(line) for line in writer.communicate()[0].split()]
    db, quarantined = open_to_write(tmp_path)
    with closing(db):
        assert quarantined is None
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    ((samples,),) = rows_of(tmp_path, "SELECT samples FROM heard")
    last = max(committed, default=1)
    assert last <= samples // 32_000 <= last + 1
    assert rows_of(tmp_path, "SELECT count(*) FROM clips") == [(samples // 32_000,)]
