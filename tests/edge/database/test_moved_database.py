"""The recorder writes the database at its path, and reopens a database that fails or is damaged."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from birdedge.edge.database.database_file import DatabaseFile
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.database.writer import REOPEN_AFTER_S, DatabaseWriter
from birdedge.edge.errors import StoreError
from tests.support.disks import ext4_disk, small_disk
from tests.support.recordings import Recording, onsets_in
from tests.support.streams import Clocks, MessageStream, connection_of, coverage_of, gaps_of, rows_of, started
from tests.support.waiting import wait_until

NOT_THERE = "is no longer the database that was opened"


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    """Return a recording with an event in its database."""
    with closing(Recording(tmp_path / "out")) as found:
        found.hear()
        found.wait()
        yield found


def assert_continued(recording: Recording, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Require that the folder at the path has the whole run, and that what was there before is still in its place."""
    recording.hear()
    recording.wait()
    recording.hear()
    recording.close()
    assert onsets_in(tmp_path / "before") == [5 * 32_000]
    assert onsets_in(recording.folder) == [5 * 32_000, 15 * 32_000, 25 * 32_000]
    assert coverage_of(recording.folder).heard_s == pytest.approx(30)
    assert gaps_of(recording.folder) == []
    assert rows_of(recording.folder, "SELECT device, site FROM streams JOIN runs ON run = runs.id") == [
        ("mic", "")
    ]
    assert [text for text in caplog.messages if NOT_THERE in text] == caplog.messages[:1]


def test_a_folder_that_is_moved_away_is_recreated(
    recording: Recording, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording.folder.rename(tmp_path / "before")
    assert_continued(recording, tmp_path, caplog)


def test_a_folder_that_replaces_the_earlier_one_is_used(
    recording: Recording, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recording.folder.rename(tmp_path / "before")
    recording.folder.mkdir()
    assert_continued(recording, tmp_path, caplog)


def test_a_disk_mounted_over_the_folder_is_used(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    with small_disk(recording.folder):
        recording.hear()
        recording.hear()
        recording.wait()
        assert onsets_in(recording.folder) == [5 * 32_000, 15 * 32_000, 25 * 32_000]
        assert coverage_of(recording.folder).heard_s == pytest.approx(30)
    recording.hear()
    recording.wait()
    recording.hear()
    recording.close()
    # The database under the disk already has this run, but not what was heard since.
    assert onsets_in(recording.folder) == [5 * 32_000, 35 * 32_000, 45 * 32_000]
    assert coverage_of(recording.folder).heard_s == pytest.approx(30)
    assert gaps_of(recording.folder) == [("restart", 20.0)]
    assert sum(NOT_THERE in text for text in caplog.messages) == 2


def test_a_drive_that_was_unmounted_for_a_while_misses_nothing_once_it_is_back(
    recording: Recording, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "drive") as drive:
        for _ in range(2):
            subprocess.run(["mount", "--bind", drive, recording.folder], check=True)
            recording.hear()
            recording.wait()
            subprocess.run(["umount", "--lazy", recording.folder], check=True)
            recording.hear()
            recording.wait()
        subprocess.run(["mount", "--bind", drive, recording.folder], check=True)
        recording.hear()
        recording.close()
        subprocess.run(["umount", "--lazy", recording.folder], check=True)
        onsets = onsets_in(drive)
        assert sorted(onsets) == [(5 + 10 * number) * 32_000 for number in range(6)]
        assert coverage_of(drive).heard_s == pytest.approx(60)
        assert {length_s for _, length_s in gaps_of(drive)} <= {0.0}


def test_an_open_gap_continues_in_another_folder(recording: Recording, tmp_path: Path) -> None:
    recording.stream.break_off()
    recording.wait()
    recording.folder.rename(tmp_path / "before")
    recording.clocks.advance(7)
    recording.stream.resume()
    recording.hear()
    recording.close()
    assert gaps_of(recording.folder) == [("device lost", 7.0)]
    assert coverage_of(recording.folder).heard_s == pytest.approx(20)
    assert onsets_in(recording.folder) == [5 * 32_000, 22 * 32_000]


def test_a_database_of_an_earlier_run_in_the_new_folder_is_continued(
    recording: Recording, tmp_path: Path
) -> None:
    other = RunLog(DatabaseFile(tmp_path / "other"), "boot", Clocks(boot_s=50.0)(), "model", "")
    other.begin()
    other.close()
    recording.folder.rename(tmp_path / "before")
    (tmp_path / "other").rename(recording.folder)
    recording.hear()
    recording.close()
    assert onsets_in(recording.folder) == [5 * 32_000, 15 * 32_000]
    assert gaps_of(recording.folder) == [("restart", 50.0)]


def test_a_copy_of_the_database_in_a_new_folder_is_continued_without_a_gap(
    recording: Recording, tmp_path: Path
) -> None:
    recording.folder.rename(tmp_path / "before")
    shutil.copytree(tmp_path / "before", recording.folder, ignore=shutil.ignore_patterns("*.lock", "*-shm"))
    recording.hear()
    recording.close()
    assert onsets_in(recording.folder) == [5 * 32_000, 15 * 32_000]
    assert coverage_of(recording.folder).heard_s == pytest.approx(20)
    assert rows_of(recording.folder, "SELECT count(*) FROM runs") == [(1,)]


def test_a_database_that_becomes_damaged_is_moved_and_no_waiting_message_is_lost(
    recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    print("seed 4")
    with closing(connection_of(recording.folder)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = recording.folder / FILE_NAME
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(random.Random(4).randbytes(path.stat().st_size - 4096))
    recording.stream.end()
    MessageStream(recording.database.submit, recording.clocks, recording.stream.timekeeper, source="other")
    wait_until(lambda: any("the database was damaged" in text for text in caplog.messages))
    recording.hear()
    recording.close()
    moved = recording.folder / "birdedge.damaged-1.sqlite"
    assert moved.exists()
    assert len(onsets_in(recording.folder)) == 1
    assert rows_of(recording.folder, "SELECT device FROM streams") == [("mic",), ("other",)]
    assert rows_of(recording.folder, "PRAGMA integrity_check") == [("ok",)]


def test_a_failed_connection_is_reopened(recording: Recording) -> None:
    recording.database._run_log.db.execute("PRAGMA query_only = 1")  # like a disk remounted read-only
    recording.hear()
    wait_until(lambda: recording.database.problem)
    recording.clocks.advance(REOPEN_AFTER_S)
    wait_until(lambda: recording.database.problem is None)
    recording.close()
    assert len(onsets_in(recording.folder)) == 2


def test_after_the_thread_has_ended_messages_are_refused_with_the_reason(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(RunLog, "follow_clock", lambda *_: 1 / 0)
    recording.database._thread.join(10)
    with pytest.raises(
        StoreError, match=r"the thread of the database ended .*division by zero.*restart birdedge"
    ):
        recording.hear()
    assert "the thread of the database ended" in caplog.text


def test_two_recorders_never_write_to_the_same_folder(recording: Recording) -> None:
    with pytest.raises(StoreError, match=r"in use by another birdedge, process \d+: stop that one"):
        DatabaseWriter(recording.folder, "boot", "model")
    recording.close()
    started(recording.folder, recording.clocks).close()


def test_the_write_ahead_log_of_an_earlier_run_on_a_drive_is_kept(tmp_path: Path) -> None:
    earlier = Recording(tmp_path / "earlier", Clocks(boot_s=50.0))
    earlier.hear()
    earlier.wait()
    with small_disk(tmp_path / "out") as first, small_disk(tmp_path / "drive") as drive:
        recording = Recording(first)
        recording.hear()
        recording.wait()
        inode = (first / FILE_NAME).stat().st_ino
        # Two disks of the same kind number their files in the same way.
        while not (drive / FILE_NAME).exists() or (drive / FILE_NAME).stat().st_ino < inode:
            (drive / FILE_NAME).unlink(missing_ok=True)
            (drive / FILE_NAME).touch()
        assert (drive / FILE_NAME).stat().st_ino == inode
        shutil.copy(earlier.folder / f"{FILE_NAME}-wal", drive)
        shutil.copyfile(earlier.folder / FILE_NAME, drive / FILE_NAME)
        # In one step: the thread of the recorder may look at any time.
        subprocess.run(["mount", "--bind", drive, first], check=True)
        try:
            recording.hear()
            recording.wait()
            assert (drive / f"{FILE_NAME}-wal").exists()
            recording.close()
        finally:
            subprocess.run(["umount", "--lazy", first], check=True)
        assert onsets_in(drive) == [5 * 32_000, 5 * 32_000, 15 * 32_000]
    earlier.close()


def test_a_disk_that_fails_and_is_remounted_misses_nothing(tmp_path: Path) -> None:
    with ext4_disk(tmp_path / "out") as disk:
        recording = Recording(disk.folder)
        recording.hear()
        recording.wait()
        disk.cut_power()
        recording.hear()
        wait_until(lambda: recording.database.problem)
        disk.unmount()
        recording.wait()  # in the folder under the disk
        recording.hear()
        recording.wait()
        disk.mount()
        recording.hear()
        recording.close()
        assert onsets_in(disk.folder) == [(5 + 10 * number) * 32_000 for number in range(4)]
        assert coverage_of(disk.folder).heard_s == pytest.approx(40)
        assert {length_s for _, length_s in gaps_of(disk.folder)} <= {0.0}
