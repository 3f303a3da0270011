"""Messages that a failing disk did not store are applied again, once, from the beginning of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.database.database_file import DatabaseFile
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.errors import DiskError
from birdedge.edge.messages import Message
from tests.support.disks import no_room
from tests.support.streams import Clocks, MessageStream, coverage_of, end, gaps_of, rows_of, started

COUNTS = "SELECT (SELECT count(*) FROM streams), (SELECT count(*) FROM heard), (SELECT count(*) FROM events)"


def apply_all(run_log: RunLog, messages: list[Message]) -> None:
    run_log.begin()
    for message in messages:
        run_log.apply(message)
    run_log.commit()


def test_a_failed_commit_is_reapplied_without_duplicates(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    messages: list[Message] = []
    stream = MessageStream(messages.append, clocks)
    stream.hear(10)
    stream.break_off()
    clocks.advance(5.0)
    stream.resume()
    stream.hear(10)
    stream.detect(4.0)
    for _ in range(3):
        with no_room(), pytest.raises(DiskError, match="check its disk"):
            apply_all(run_log, messages)
        run_log.undo()
    assert rows_of(tmp_path, COUNTS) == [(0, 0, 0)]
    apply_all(run_log, messages)
    end(run_log, clocks)
    assert rows_of(tmp_path, COUNTS) == [(1, 2, 1)]
    assert gaps_of(tmp_path) == [("device lost", 5.0)]
    assert coverage_of(tmp_path).heard_s == pytest.approx(20)


def test_a_gap_opened_before_the_fault_is_closed_after_it(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.break_off()
    run_log.commit()
    clocks.advance(5.0)
    messages: list[Message] = []
    resumed = MessageStream(messages.append, clocks, stream.timekeeper)
    resumed.hear(5)
    with no_room(), pytest.raises(DiskError):
        apply_all(run_log, messages)
    run_log.undo()
    assert gaps_of(tmp_path, clocks.utc_s) == [("device lost", 10.0)]
    apply_all(run_log, messages)
    end(run_log, clocks)
    assert gaps_of(tmp_path) == [("device lost", 5.0)]


def test_a_clock_correction_that_could_not_be_written_is_retried(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    clocks.utc_s += 3600.0
    clocks.synchronized = True
    run_log.follow_clock(clocks())
    with no_room(), pytest.raises(DiskError):
        run_log.commit()
    run_log.undo()
    assert run_log.utc.utc_s(100.0) == pytest.approx(1_000_000.0)
    assert not run_log.utc.synchronized
    run_log.follow_clock(clocks())
    end(run_log, clocks)
    assert rows_of(tmp_path, "SELECT clock, first_offset_s FROM boots") == [("synchronized", 999_900.0)]
    ((offset_s,),) = rows_of(tmp_path, "SELECT DISTINCT offset_s FROM clock_lines")
    assert offset_s == pytest.approx(999_900.0 + 3600.0)


def test_a_run_whose_disk_fails_at_first_still_begins_when_it_was_started(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = RunLog(DatabaseFile(tmp_path / "data"), "boot", clocks(), "model", "")
    with no_room():
        for _ in range(2):
            with pytest.raises(DiskError, match="cannot be opened"):
                run_log.begin()
            run_log.undo()
    clocks.advance(500.0)
    run_log.begin()
    end(run_log, clocks)
    assert rows_of(tmp_path / "data", "SELECT began_s, ended_s FROM runs") == [(100.0, 600.0)]
