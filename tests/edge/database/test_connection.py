"""The database file is opened, refused, or quarantined; it is never replaced silently."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from birdedge.edge.database import event_queries, run_queries
from birdedge.edge.database.connection import MAX_LOG_BYTES, open_to_write, reading
from birdedge.edge.database.database_file import DatabaseFile
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.database.schema import FILE_NAME, SCHEMA_VERSION
from birdedge.edge.errors import DiskError, StoreError
from tests.support.disks import no_room, read_only, read_only_view, small_disk
from tests.support.streams import Clocks, MessageStream, connection_of, end, started

NOBODY = 65_534
ROOT = Path(__file__).parents[3]


def recorded(folder: Path, events: int = 1) -> None:
    """Write a database as a recorder leaves it."""
    clocks = Clocks()
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(5)
    for index in range(events):
        stream.detect(float(index))
    end(run_log, clocks)


@contextmanager
def another_user() -> Iterator[None]:
    """Act as a user who owns none of the files here."""
    if os.geteuid():
        pytest.skip("only root may become another user")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter; those of pytest are private."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "data"
        folder.mkdir()
        yield folder


def test_committed_rows_are_present_when_the_database_is_reopened(tmp_path: Path) -> None:
    recorded(tmp_path)
    db, quarantined = open_to_write(tmp_path)
    with closing(db):
        assert quarantined is None
        (event,) = event_queries.events(db)
    assert (event.onset_sample, event.offset_sample, event.onset_s) == (0, 16_000, 100.0)
    assert (event.utc_s, event.corrected) == (1_000_000.0, False)
    assert event.uncertainty_s == pytest.approx(0.3)


@pytest.mark.parametrize("damage", ["middle", "header", "not a database"])
def test_a_damaged_file_is_quarantined_intact(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    recorded(tmp_path, events=2000)
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    if damage == "middle":
        for at in range(4096, len(content) - 200, 4096):  # the header of each page
            content[at : at + 200] = os.urandom(200)
    elif damage == "header":
        content[:100] = bytes(100)
    else:
        content = bytearray(b"birds, mostly\n" * 1000)
    path.write_bytes(content)
    with caplog.at_level(logging.ERROR):
        run_log = RunLog(DatabaseFile(tmp_path), "boot", Clocks()(), "model", "")
        run_log.begin()
    moved = tmp_path / "birdedge.damaged-1.sqlite"
    assert moved.read_bytes() == bytes(content)
    assert caplog.messages == [
        f"the database was damaged; it was moved to {moved}, and a new one was created"
    ]
    assert list(event_queries.events(run_log.db)) == []
    run_log.close()
    db, quarantined = open_to_write(tmp_path)
    db.close()
    assert quarantined is None


def test_a_second_damaged_file_gets_the_next_number(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / FILE_NAME).write_bytes(b"birds, mostly\n" * 1000)
        db, quarantined = open_to_write(tmp_path)
        db.close()
        assert quarantined == tmp_path / f"birdedge.damaged-{number}.sqlite"


@pytest.mark.parametrize(
    ("version", "age"), [(SCHEMA_VERSION + 1, "a newer"), (SCHEMA_VERSION - 1, "an older")]
)
def test_a_database_of_another_version_is_refused_and_left_unchanged(
    tmp_path: Path, version: int, age: str
) -> None:
    recorded(tmp_path)
    with closing(connection_of(tmp_path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(StoreError) as caught:
        open_to_write(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / FILE_NAME} was written by {age} birdedge (schema {version}, this one uses {SCHEMA_VERSION}): "
        "use that version, or name another folder"
    )
    assert (tmp_path / FILE_NAME).read_bytes() == before
    with reading(tmp_path) as db:
        assert event_queries.count_events(db) == 1


def test_a_folder_within_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="name a folder that can be written to"):
        open_to_write(tmp_path / "file" / "data")


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_of_another_user_is_refused(open_folder: Path, exists: bool) -> None:
    if exists:
        recorded(open_folder)
    with another_user(), pytest.raises(StoreError, match="name a folder that can be written to"):
        open_to_write(open_folder)


def test_a_full_disk_can_be_used_later(tmp_path: Path) -> None:
    with no_room(after_bytes=1000), pytest.raises(DiskError, match="cannot be opened"):
        open_to_write(tmp_path / "data")
    db, quarantined = open_to_write(tmp_path / "data")
    db.close()
    assert quarantined is None


def test_reading_a_folder_without_a_database_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name the folder of `birdedge listen --out`"), reading(tmp_path):
        pass


def test_a_database_on_a_read_only_disk_is_read(tmp_path: Path) -> None:
    with small_disk(tmp_path / "card") as card:
        recorded(card)
        with read_only(card), reading(card) as db:
            assert event_queries.count_events(db) == 1


FOLLOW = """
import sys, pathlib
from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_queries import count_events
with reading(pathlib.Path(sys.argv[1])) as db:
    for _ in sys.stdin:
        print(count_events(db), flush=True)
"""


def test_a_read_only_service_follows_a_recorder_even_if_its_log_was_empty(tmp_path: Path) -> None:
    """The companion may see the folder read-only; it reads the recorder's log and shared memory."""
    with small_disk(tmp_path / "disk") as disk, read_only_view(disk, tmp_path / "view") as view:
        clocks = Clocks()
        run_log = started(disk, clocks)
        stream = MessageStream(run_log.apply, clocks)
        stream.hear(5)
        stream.detect(0.0)
        run_log.commit()
        with closing(sqlite3.connect(disk / FILE_NAME)) as db:
            assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        assert (disk / f"{FILE_NAME}-wal").stat().st_size == 0
        command = [sys.executable, "-c", FOLLOW, str(view)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as reader:
            assert seen_by(reader) == 1
            stream.detect(1.0)
            run_log.commit()
            assert seen_by(reader) == 2
            reader.stdin.close()
        end(run_log, clocks)


def seen_by(reader: subprocess.Popen[str]) -> int:
    """Return the number of events that a reader sees now."""
    reader.stdin.write("\n")
    reader.stdin.flush()
    return int(reader.stdout.readline())


def test_reading_changes_nothing(tmp_path: Path) -> None:
    recorded(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with reading(tmp_path) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM event_rows")
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir() if not path.name.endswith("-shm")}
    assert {name: after[name] for name in before} == before


def test_a_damaged_database_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"birds, mostly\n" * 1000)
    with pytest.raises(DiskError, match="that it is the database of a recorder"), reading(tmp_path) as db:
        run_queries.latest_run(db)


def test_the_write_ahead_log_stays_short_after_a_burst_during_a_read(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(1)
    run_log.commit()
    log = tmp_path / f"{FILE_NAME}-wal"
    with reading(tmp_path) as db:
        db.execute("BEGIN")
        run_queries.latest_run(db)  # no checkpoint can get past a reader
        while log.stat().st_size < 1.2 * MAX_LOG_BYTES:
            stream.hear(1)
            stream.detect(1.0)
            run_log.commit()
    run_log._file.checkpoint()
    stream.hear(1)
    run_log.commit()
    assert log.stat().st_size <= MAX_LOG_BYTES
    run_log.close()


def test_a_database_of_another_user_is_refused_with_a_one_sentence_error(tmp_path: Path) -> None:
    open_to_write(tmp_path)[0].close()
    is_root = os.geteuid() == 0
    tmp_path.chmod(0o750 if is_root else 0)
    outcome, from_child = os.pipe()
    child = os.fork()
    if child == 0:
        raised = "nothing was raised"
        try:
            if is_root:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            with reading(tmp_path):
                pass
        except BaseException:
            raised = traceback.format_exc()
        finally:
            os.write(from_child, raised.encode())
            os._exit(0)
    os.close(from_child)
    with os.fdopen(outcome) as pipe:
        raised = pipe.read()
    os.waitpid(child, 0)
    message = (
        f"{tmp_path / FILE_NAME} may not be read by this user: use sudo, or join the group of its recorder"
    )
    assert raised.endswith(f"StoreError: {message}\n"), raised
    tmp_path.chmod(0o750)
