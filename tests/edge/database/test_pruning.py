"""Tables that grow with time keep their newest rows; events and spans of audio stay."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from birdedge.edge.database import rows
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.messages import LoadLevelChanged
from tests.support.streams import Clocks, MessageStream, rows_of

KEPT = {"anchors": 8, "load_levels": 6, "rejected_rows": 5}


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a few rows, and delete three at once."""
    monkeypatch.setattr(rows, "KEPT_ROWS", KEPT)
    monkeypatch.setattr(rows, "PRUNED_ROWS", 3)


def run_of(folder: Path, start: int, minutes: int) -> int:
    """Write a run with an event, a rejected region and a load level in each minute; return how many rows it deleted."""
    clocks = Clocks(boot_s=100.0 + 10_000.0 * start, utc_s=1_000_000.0 + 10_000.0 * start)
    # Commits at its start and end.
    database = DatabaseWriter(folder, "boot", "model", commit_s=3600.0, read=clocks)
    stream = MessageStream(database.submit, clocks)
    for minute in range(minutes):
        stream.reject(60.0 * minute + 1)
        stream.detect(60.0 * minute + 2)
        stream.hear(61)
        database.submit(LoadLevelChanged(stream.timekeeper.now(clocks()), f"level {start} {minute}"))
    stream.end()
    database.close()
    return database.deleted_rows


def count(folder: Path, table: str) -> int:
    ((number,),) = rows_of(folder, f"SELECT count(*) FROM {table}")
    return int(number)


def test_the_newest_rows_are_kept_and_the_others_deleted_a_few_at_a_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run_of(tmp_path, 0, minutes=4)
    assert not any("oldest rows" in message for message in caplog.messages)
    for start in range(1, 9):
        before = {table: count(tmp_path, table) for table in KEPT}
        run_of(tmp_path, start, minutes=4)
        for table, kept in KEPT.items():
            assert before[table] + 4 - 6 <= count(tmp_path, table) <= max(kept, before[table] + 5), table
    caplog.clear()
    sizes = [run_of(tmp_path, start, minutes=0) for start in range(9, 40)]
    assert {table: count(tmp_path, table) for table in KEPT} == KEPT
    assert max(sizes) <= 2 * 3 * len(KEPT)
    assert sizes[-1] == 0
    assert rows_of(tmp_path, "SELECT level FROM load_levels ORDER BY rowid")[-1] == ("level 8 3",)
    assert count(tmp_path, "event_rows") == 36
    assert count(tmp_path, "clock_lines") >= 1


def test_a_pruned_table_is_logged_once_and_its_deleted_rows_are_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    run_of(tmp_path, 0, minutes=20)
    caplog.clear()
    before = sum(count(tmp_path, table) for table in KEPT)
    assert run_of(tmp_path, 1, minutes=0) == before - sum(count(tmp_path, table) for table in KEPT) > 0
    named = [message for message in caplog.messages if "oldest rows" in message]
    assert len(named) == len(set(named)) == len(KEPT)
    assert "the oldest rows of anchors are deleted: the newest 8 stay" in named


def test_a_failure_to_delete_rows_loses_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(rows, "prune", fail)
    assert run_of(tmp_path, 0, minutes=20) == 0
    assert count(tmp_path, "event_rows") == 20
    assert count(tmp_path, "anchors") > KEPT["anchors"]
