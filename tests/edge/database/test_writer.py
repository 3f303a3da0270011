"""Messages wait in memory while the disk cannot store them, and reach the database once it can."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import time
import weakref
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from birdedge.edge.database import event_queries, run_queries, writer
from birdedge.edge.database.connection import reading
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.database.writer import DatabaseWriter
from birdedge.edge.errors import StoreError
from birdedge.edge.health import Health
from birdedge.edge.messages import FramesReady, GapStarted, HealthReported
from birdedge.edge.output import PipelineOutput
from birdedge.edge.pipeline.timekeeper import Timekeeper
from birdedge.edge.times import Stamp
from tests.support.disks import no_room
from tests.support.frames import detected
from tests.support.streams import Clocks, MessageStream, connection_of, coverage_of, gaps_of, rows_of
from tests.support.waiting import wait_until

NOW = Stamp(0, 0.0, 100.0, None, 0.2, False)


def opened(folder: Path, clocks: Clocks, boot_id: str = "boot") -> DatabaseWriter:
    return DatabaseWriter(folder, boot_id, "birdedge-int8", "the wood", commit_s=0.01, read=clocks)


def events_in(folder: Path) -> int:
    with reading(folder) as db:
        return event_queries.count_events(db)


def test_submitted_messages_are_stored_soon_and_all_of_them_by_close(tmp_path: Path) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(5)
    stream.detect(1.0)
    wait_until(lambda: events_in(tmp_path) == 1)
    assert database.problem is None
    stream.hear(5)
    stream.detect(7.0)
    database.close()
    assert events_in(tmp_path) == 2
    assert coverage_of(tmp_path).heard_s == pytest.approx(10)
    assert rows_of(tmp_path, "SELECT ended_s FROM runs") == [(110.0,)]
    database.close()  # which does nothing
    assert rows_of(tmp_path, "SELECT count(*) FROM runs") == [(1,)]


def test_a_run_is_in_the_database_before_the_first_message(tmp_path: Path) -> None:
    database = opened(tmp_path, Clocks())
    with reading(tmp_path) as db:
        run = run_queries.latest_run(db)
    assert run is not None
    assert (run.boot_id, run.began_s, run.ended_s, run.model, run.site) == (
        "boot",
        100.0,
        None,
        "birdedge-int8",
        "the wood",
    )
    database.close()


def test_messages_wait_while_the_disk_fails(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(5)
    stream.detect(1.0)
    wait_until(lambda: events_in(tmp_path) == 1)
    with caplog.at_level(logging.INFO), no_room():
        stream.hear(5)
        stream.lose(1.0, "too slow")
        stream.hear(5)
        stream.detect(12.0)
        wait_until(lambda: database.problem)
        assert "check its disk" in str(database.problem)
        time.sleep(0.1)  # several attempts; only one is logged
        assert events_in(tmp_path) == 1
    with caplog.at_level(logging.INFO):
        wait_until(lambda: database.problem is None)
    stream.hear(5)
    database.close()
    assert gaps_of(tmp_path) == [("too slow", 1.0)]
    assert coverage_of(tmp_path).heard_s == pytest.approx(20)
    assert events_in(tmp_path) == 2
    assert database.dropped_messages == 0
    failed, recovered = caplog.messages
    assert failed.endswith("; results are buffered until the disk is writable")
    assert recovered == f"{tmp_path / 'birdedge.sqlite'} is written again"


@pytest.mark.parametrize("offset_s", [0.0, 3600.0])
def test_a_database_opened_late_misses_nothing_since_the_start(tmp_path: Path, offset_s: float) -> None:
    clocks = Clocks(synchronized=False)
    with no_room():
        database = opened(tmp_path / "data", clocks)
        assert "cannot be opened" in str(database.problem)
        stream = MessageStream(database.submit, clocks)
        stream.hear(60)
        stream.detect(12.0)
        assert database.utc.utc_s(100.0) == pytest.approx(1_000_000.0)
        clocks.utc_s += offset_s
        clocks.synchronized = True
        time.sleep(0.1)
        assert database.problem is not None
    wait_until(lambda: database.problem is None)
    stream.hear(5)
    database.close()
    found = coverage_of(tmp_path / "data")
    assert found.gaps == ()
    assert found.heard_s == pytest.approx(65)
    with reading(tmp_path / "data") as db:
        (event,) = event_queries.events(db)
    assert event.utc_s == pytest.approx(1_000_012.0 + offset_s)
    assert database.utc.synchronized


def test_an_unusable_folder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="name a folder that can be written to"):
        opened(tmp_path / "file" / "data", Clocks())


def test_audio_is_reported_less_often_while_the_disk_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 400)
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    with no_room():
        stream.hear(1)
        wait_until(lambda: database.problem)
        stream.hear(10_000, every_s=0.5)
        stream.lose(2.0)
        stream.hear(7)
        assert database.dropped_messages == 0
    wait_until(lambda: database.problem is None)
    stream.hear(1)
    database.close()
    assert coverage_of(tmp_path).heard_s == pytest.approx(10_009)
    assert gaps_of(tmp_path) == [("overrun", 2.0)]


def test_messages_beyond_the_limit_are_dropped_counted_and_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 50)
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(1)
    wait_until(lambda: coverage_of(tmp_path).heard_s)
    with no_room():
        stream.hear(1)
        wait_until(lambda: database.problem)
        for number in range(80):
            stream.detect(float(number))
        waiting = 80 - database.dropped_messages
        assert 40 <= waiting <= 50
    wait_until(lambda: database.problem is None)
    dropped = [text for text in caplog.messages if "too many messages wait" in text]
    assert dropped == ["too many messages wait for the database; new ones are dropped and counted"]
    stream.detect(100.0)
    database.close()
    with reading(tmp_path) as db:
        onsets_s = [event.onset_sample / 32_000 for event in event_queries.events(db)]
    assert onsets_s == [*(float(number) for number in range(waiting)), 100.0]


def test_submit_never_waits_for_a_locked_database(tmp_path: Path) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(1)
    wait_until(lambda: coverage_of(tmp_path).heard_s)
    with closing(connection_of(tmp_path)) as other:
        wait_until(lambda: locks(other))
        started_s = time.monotonic()
        for _ in range(200):
            stream.hear(1)
            stream.detect(1.0)
        assert time.monotonic() - started_s < 2
        assert events_in(tmp_path) == 0
        other.rollback()
    wait_until(lambda: events_in(tmp_path) == 200)
    database.close()
    assert coverage_of(tmp_path).heard_s == pytest.approx(201)


def locks(other: sqlite3.Connection) -> bool:
    """Take the write lock, unless the writer holds it."""
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


def test_only_the_latest_health_is_kept_as_json(tmp_path: Path) -> None:
    database = opened(tmp_path, Clocks())
    for backlog_s in (0.1, 0.2):
        database.submit(HealthReported(NOW, Health(device="Grün", backlog_s=backlog_s)))
    database.close()
    with reading(tmp_path) as db:
        stored = run_queries.latest_health(db)
    assert Health.from_json(stored) == Health(device="Grün", backlog_s=0.2)
    assert stored["device"] == "Grün"
    ((text,),) = rows_of(tmp_path, "SELECT json FROM health")
    assert "Grün" in text


def test_health_is_not_buffered_while_the_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 10)
    database = opened(tmp_path, Clocks())
    with no_room():
        database.submit(GapStarted(NOW, "device lost"))
        wait_until(lambda: database.problem)
        for _ in range(100):
            database.submit(HealthReported(NOW, Health()))
    wait_until(lambda: database.problem is None)
    database.close()
    assert database.dropped_messages == 0
    with reading(tmp_path) as db:
        assert run_queries.latest_health(db) == {}


def test_frames_are_never_queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 5)
    database = opened(tmp_path, Clocks())
    empty = PipelineOutput(np.zeros((1, 4), np.uint8), np.zeros((1, 4), np.float32), [])
    with no_room():
        for _ in range(100):
            database.write(FramesReady(NOW, 0, empty, np.zeros((1, 1), np.float32)))
        assert database.dropped_messages == 0
    database.close()


def test_closing_on_a_failed_disk_returns_and_logs_the_losses(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    stream.hear(1)
    wait_until(lambda: coverage_of(tmp_path).heard_s)
    with no_room():
        stream.detect(0.5)
        stream.detect(0.7)
        wait_until(lambda: database.problem)
        database.close()
    lost = f"{database.problem}; 3 buffered message(s) are lost: nothing can be written in {tmp_path} or "
    assert caplog.messages[-1].startswith(lost)  # the end of the run too
    assert rows_of(tmp_path, "SELECT ended_s FROM runs") == [(None,)]


def test_utc_is_taken_from_the_earlier_run_while_the_clock_is_not_synchronized(tmp_path: Path) -> None:
    clocks = Clocks()
    opened(tmp_path, clocks).close()
    clocks.synchronized = False
    clocks.utc_s -= 1800.0  # what the clock shows now is known to be wrong
    database = opened(tmp_path, clocks)
    assert Timekeeper(clocks(), database.utc).now(clocks()).utc_s == pytest.approx(1_000_000.0)
    database.close()


def test_events_waiting_for_the_disk_hold_no_masks(tmp_path: Path) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    MessageStream(database.submit, clocks).hear(1)
    with no_room():
        clocks.advance(1)
        database.submit(GapStarted(NOW, "device lost"))
        wait_until(lambda: database.problem)
        message = detected(0.1)
        mask = np.ones((1000, 200), np.uint8)
        message = replace(message, event=replace(message.event, mask=mask))
        held = weakref.ref(mask)
        database.submit(message)
        del message, mask
        assert held() is None
    database.close()
    assert events_in(tmp_path) == 1


def test_the_database_file_itself_stays_up_to_date_while_the_recorder_runs(tmp_path: Path) -> None:
    clocks = Clocks()
    database = opened(tmp_path, clocks)
    stream = MessageStream(database.submit, clocks)
    copy = tmp_path / "copy"
    copy.mkdir()
    for expected in (1, 2):
        stream.hear(5)
        stream.detect(1.0)
        stream.hear(writer.CHECKPOINT_EVERY_S, every_s=30.0)
        wait_until(lambda: not database._messages)
        deadline_s = time.monotonic() + 10.0
        while True:
            shutil.copy(tmp_path / FILE_NAME, copy)
            if events_in(copy) == expected:
                break
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
    database.close()
