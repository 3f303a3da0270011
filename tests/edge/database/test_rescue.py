"""Messages that wait for the database when a recorder ends are stored once, at the next start."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from birdedge.edge.database.run_log import RunLog
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.database.writer import REOPEN_EVERY_S, STUCK_AFTER_S, DatabaseWriter
from birdedge.edge.errors import DiskError
from birdedge.edge.health import Health
from birdedge.edge.messages import ClipWritten, HealthReported, LoadLevelChanged
from tests.support.disks import full, no_room, small_disk
from tests.support.recordings import Recording, onsets_in
from tests.support.streams import RATE_HZ, Clocks, coverage_of, gaps_of, rows_of
from tests.support.waiting import wait_until

RESCUE = "birdedge.rescue.jsonl"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state folder of the service, which is missing."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


def stopped_with_waiting_messages(folder: Path, clocks: Clocks) -> None:
    """Record 30 s with three events, of which two could not be stored."""
    recording = Recording(folder, clocks)
    recording.hear()
    recording.wait()
    recording.fail()
    recording.hear()
    recording.stream.reject(12.0)
    recording.stream.lose(2.0, "too slow")
    recording.database.submit(ClipWritten("a.flac", recording.stream.timekeeper.stamp(0), RATE_HZ, 1, 0.9))
    recording.database.submit(LoadLevelChanged(recording.stream.timekeeper.stamp(0), "all audio"))
    recording.hear()
    recording.stream.end()
    recording.close()


def start_again(folder: Path, clocks: Clocks) -> None:
    clocks.advance(8)
    DatabaseWriter(folder, "boot", "model", commit_s=0.01, read=clocks).close()


def assert_complete(folder: Path) -> None:
    """Require everything from `stopped_with_waiting_messages` exactly once."""
    assert onsets_in(folder) == [5 * RATE_HZ, 15 * RATE_HZ, 27 * RATE_HZ]
    assert coverage_of(folder).heard_s == pytest.approx(30)
    assert gaps_of(folder) == [("too slow", 2.0), ("stopped", 8.0)]
    assert rows_of(folder, "SELECT ended_s FROM runs") == [(132.0,), (140.0,)]
    assert rows_of(folder, "SELECT onset_sample FROM rejected") == [(12 * RATE_HZ,)]
    assert rows_of(folder, "SELECT path, stream FROM clips") == [("a.flac", 1)]
    assert rows_of(folder, "SELECT level FROM load_levels") == [("all audio",)]


def test_the_next_start_stores_the_messages_that_waited(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clocks()
    stopped_with_waiting_messages(tmp_path, clocks)
    assert onsets_in(tmp_path) == [5 * RATE_HZ]
    assert f"were saved in {tmp_path / RESCUE}, which the next start reads" in caplog.messages[-1]
    with caplog.at_level(logging.INFO):
        start_again(tmp_path, clocks)
    assert "message(s) of an earlier run were stored from" in caplog.messages[-1]
    assert not (tmp_path / RESCUE).exists()
    assert_complete(tmp_path)


def test_a_rescue_file_that_could_not_be_deleted_is_not_stored_twice(tmp_path: Path) -> None:
    clocks = Clocks()
    stopped_with_waiting_messages(tmp_path, clocks)
    kept = (tmp_path / RESCUE).read_bytes()
    start_again(tmp_path, clocks)
    (tmp_path / RESCUE).write_bytes(kept)
    DatabaseWriter(tmp_path, "boot", "model", commit_s=0.01, read=clocks).close()
    assert not (tmp_path / RESCUE).exists()
    assert onsets_in(tmp_path) == [5 * RATE_HZ, 15 * RATE_HZ, 27 * RATE_HZ]
    assert coverage_of(tmp_path).heard_s == pytest.approx(30)


def test_a_continued_run_is_not_stored_twice(tmp_path: Path) -> None:
    clocks = Clocks()
    stopped_with_waiting_messages(tmp_path, clocks)
    kept = (tmp_path / RESCUE).read_bytes()
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        path.unlink()
    start_again(tmp_path, clocks)
    (tmp_path / RESCUE).write_bytes(kept)
    start_again(tmp_path, clocks)
    assert onsets_in(tmp_path) == [15 * RATE_HZ, 27 * RATE_HZ]


def test_messages_wait_in_the_state_folder_while_the_disk_is_full(tmp_path: Path, state: Path) -> None:
    clocks = Clocks()
    with small_disk(tmp_path / "out", size_mb=8) as disk:
        recording = Recording(disk, clocks)
        recording.hear()
        recording.wait()
        with full(disk):
            while not recording.database.problem:
                recording.hear()
                wait_until(lambda: not recording.database._messages or recording.database.problem)
            recording.close()
            assert len(list(state.iterdir())) == 1
        heard = round((clocks.boot_s - 100) / 10)
        assert len(onsets_in(disk)) == heard - 1
        start_again(disk, clocks)
        assert len(onsets_in(disk)) == heard
        assert coverage_of(disk).heard_s == pytest.approx(heard * 10)
        assert not list(state.iterdir())


def test_a_run_whose_database_never_opened_is_stored(tmp_path: Path, state: Path) -> None:
    clocks = Clocks()
    folder = tmp_path / "out"
    with small_disk(folder, size_mb=8) as disk, full(disk):
        recording = Recording(disk, clocks)
        recording.hear()
        recording.close()
        assert len(list(state.iterdir())) == 1
    start_again(folder, clocks)
    assert onsets_in(folder) == [5 * RATE_HZ]
    assert gaps_of(folder) == [("stopped", 8.0)]
    assert rows_of(folder, "SELECT began_s FROM runs") == [(100.0,), (118.0,)]


def test_a_rescue_file_belongs_to_its_folder(tmp_path: Path, state: Path) -> None:
    clocks = Clocks()
    with small_disk(tmp_path / "out", size_mb=8) as disk, full(disk):
        recording = Recording(disk, clocks)
        recording.hear()
        recording.close()
    start_again(tmp_path / "other", clocks)
    assert onsets_in(tmp_path / "other") == []
    assert len(list(state.iterdir())) == 1


def test_rescued_messages_are_stored_even_if_the_database_was_lost(tmp_path: Path) -> None:
    clocks = Clocks()
    stopped_with_waiting_messages(tmp_path, clocks)
    for path in tmp_path.glob(f"{FILE_NAME}*"):
        path.unlink()
    start_again(tmp_path, clocks)
    assert onsets_in(tmp_path) == [15 * RATE_HZ, 27 * RATE_HZ]
    assert coverage_of(tmp_path).heard_s == pytest.approx(20)
    assert gaps_of(tmp_path) == [("too slow", 2.0), ("stopped", 8.0)]


def test_a_damaged_rescue_file_is_renamed_and_the_recorder_starts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    malformed = (b"{", b"[]\n", b'{"class": "Stamp"}\n', b"", b'{"class": "datetime"}\n', b"[" * 100_000)
    for number, text in enumerate(malformed, 1):
        (tmp_path / RESCUE).write_bytes(text)
        Recording(tmp_path).close()
        assert not (tmp_path / RESCUE).exists()
        assert (tmp_path / "birdedge.rescue.damaged").read_bytes() == text
        assert sum("cannot be read" in line for line in caplog.messages) == number


def test_a_second_rescue_file_does_not_replace_the_first(tmp_path: Path) -> None:
    clocks = Clocks()
    stopped_with_waiting_messages(tmp_path / "out", clocks)
    first = (tmp_path / "out" / RESCUE).read_bytes()
    shutil.move(tmp_path / "out" / RESCUE, tmp_path / "kept")
    recording = Recording(tmp_path / "out", clocks)
    recording.fail()
    recording.hear()
    shutil.move(tmp_path / "kept", tmp_path / "out" / RESCUE)
    recording.close()
    assert (tmp_path / "out" / RESCUE).read_bytes() == first
    assert (tmp_path / "out" / "birdedge.rescue-2.jsonl").exists()


def test_a_writer_that_fails_for_minutes_on_a_healthy_disk_counts_as_stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = Recording(tmp_path)
    recording.hear()
    recording.wait()

    def fail(_: object) -> None:
        raise DiskError("no")

    with monkeypatch.context() as patch:
        patch.setattr(RunLog, "commit", fail)
        recording.hear()
        wait_until(lambda: recording.database.problem)
        recording.clocks.advance(STUCK_AFTER_S / 2)
        wait_until(lambda: recording.database._check_due_s > recording.clocks.boot_s)
        assert not recording.database.is_stuck
        recording.clocks.advance(STUCK_AFTER_S / 2 + REOPEN_EVERY_S)
        wait_until(lambda: recording.database.is_stuck)
        assert (tmp_path / RESCUE).exists()
    wait_until(lambda: not recording.database.is_stuck)
    recording.close()
    assert not (tmp_path / RESCUE).exists()
    assert onsets_in(tmp_path) == [5 * RATE_HZ, 15 * RATE_HZ]


def test_a_writer_that_fails_on_a_full_disk_does_not_count_as_stuck(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    with no_room():
        recording.hear()
        wait_until(lambda: recording.database.problem)
        for _ in range(5):
            recording.clocks.advance(REOPEN_EVERY_S)
            wait_until(lambda: recording.database._check_due_s > recording.clocks.boot_s)
        assert not recording.database.is_stuck
    recording.close()


def test_health_with_names_that_are_not_utf_8_is_saved(tmp_path: Path) -> None:
    clocks = Clocks()
    recording = Recording(tmp_path, clocks)
    recording.wait()
    recording.fail()
    stamp = recording.stream.timekeeper.stamp(0)
    recording.database._queue(HealthReported(stamp, Health(device="d\udcff")))
    recording.close()
    start_again(tmp_path, clocks)
    assert rows_of(tmp_path, "SELECT json LIKE '%udcff%' FROM health") == [(1,)]
