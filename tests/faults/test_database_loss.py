"""The real daemon loses its database, its folder or the database thread: no event is lost, and nothing looks alive."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.support.virtual_microphone import VirtualMicrophone
from birdedge.edge.database import event_queries
from birdedge.edge.database.connection import reading
from tests.support.commands import BIRDEDGE, error_of, run
from tests.support.daemon import SHORT_CLIPS, Daemon
from tests.support.disks import full, small_disk

# The database thread hits a defect as soon as the file exists.
DEFECT = """
from pathlib import Path
from birdedge.edge.database.run_log import RunLog

follow_clock = RunLog.follow_clock

def follow_clock_or_fail(self, now):
    if Path({file!r}).exists():
        raise ZeroDivisionError
    follow_clock(self, now)

RunLog.follow_clock = follow_clock_or_fail
"""

ONLY_DATABASE = "tables = []\n[clips]\nkeep = 'none'\n"


def events_in(folder: Path) -> int:
    with reading(folder) as db:
        return event_queries.count_events(db)


def test_the_daemon_follows_a_drive_mounted_and_unmounted_over_its_folder(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    notice = "birdedge.sqlite is no longer the database that was opened"
    with Daemon(virtual_microphone, tmp_path, SHORT_CLIPS) as daemon:
        daemon.wait_for("listening to")
        daemon.hear(song)
        time.sleep(1.5)  # longer than the time between two commits
        with small_disk(daemon.out, size_mb=32) as drive:
            daemon.wait_for(notice)
            daemon.hear(song)
            daemon.wait_until_healthy()
            time.sleep(1.5)
            on_drive = len(daemon.printed_events())
            assert events_in(drive) == on_drive, "what was under the drive was not copied"
            assert daemon.clips()
            assert list(drive.glob("*.csv"))
        daemon.wait_for(notice, times=2)
        daemon.hear(song)
        daemon.stop()
    printed = daemon.printed_events()
    heard_on_drive = len(printed) - events_in(daemon.out)
    assert 1 <= heard_on_drive < on_drive < len(printed)
    assert not list(daemon.out.rglob("*.rescue*"))


def test_a_second_recorder_in_the_folder_is_refused_and_the_first_continues(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    with Daemon(virtual_microphone, tmp_path, SHORT_CLIPS) as daemon:
        daemon.wait_for("listening to")
        command = (*BIRDEDGE, "listen", "--out", daemon.out)
        for _ in range(2):
            done = run(*command, cwd=tmp_path, environment=virtual_microphone.environment)
            assert (
                f"{daemon.out} is in use by another birdedge, process {daemon.process.pid}: stop"
                in error_of(done)
            )
        daemon.hear(song)
        daemon.wait_until_healthy()
        daemon.process.kill()
        daemon.process.wait()
        daemon.start()
        daemon.wait_for("listening to", times=2)
        daemon.stop()
    assert daemon.rows("SELECT count(*) FROM runs") == [(2,)]


def test_a_dead_database_thread_ends_the_daemon_and_the_next_start_stores_all_events(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    defect = tmp_path / "defect"
    patch = tmp_path / "sitecustomize.py"
    patch.write_text(DEFECT.format(file=str(defect)), encoding="utf-8")
    with Daemon(virtual_microphone, tmp_path, SHORT_CLIPS, path=tmp_path) as daemon:
        daemon.wait_for("listening to")
        daemon.hear(song)
        defect.touch()
        assert daemon.process.wait(20) == 1
        assert "Error: the thread of the database ended (ZeroDivisionError())" in daemon.log_text()
        patch.unlink()
        daemon.start()
        daemon.wait_for("of an earlier run were stored from")
        daemon.wait_for("listening to", times=2)
        daemon.process.terminate()
        assert daemon.process.wait(20) == 0
    assert len(daemon.onsets_utc_s()) == len(daemon.printed_events()) >= 1


def test_a_database_thread_that_dies_during_a_scheduled_pause_ends_the_daemon(
    virtual_microphone: VirtualMicrophone, tmp_path: Path
) -> None:
    defect = tmp_path / "defect"
    (tmp_path / "sitecustomize.py").write_text(DEFECT.format(file=str(defect)), encoding="utf-8")
    closed = "[schedule]\nlisten_s = 1\nevery_s = 600000\n"
    with Daemon(virtual_microphone, tmp_path, closed, path=tmp_path) as daemon:
        daemon.wait_for("paused by schedule")
        defect.touch()
        assert daemon.process.wait(20) == 1
        assert "Error: the thread of the database ended" in daemon.log_text()


def test_a_stop_on_a_full_disk_loses_no_event(
    virtual_microphone: VirtualMicrophone, song: Path, tmp_path: Path
) -> None:
    state = {"STATE_DIRECTORY": str(tmp_path / "state")}
    with small_disk(tmp_path / "out", size_mb=8) as disk:
        with Daemon(virtual_microphone, tmp_path, ONLY_DATABASE, environment=state) as daemon:
            daemon.wait_for("listening to")
            with full(disk):
                daemon.hear(song)
                daemon.wait_for("results are buffered", timeout_s=60)
                daemon.hear(song)
                daemon.stop()
            assert "which the next start reads" in daemon.log_text()
            daemon.start()
            daemon.wait_for("of an earlier run were stored from")
            daemon.stop()
        assert len(daemon.onsets_utc_s()) == len(daemon.printed_events())
        assert not list((tmp_path / "state").iterdir())
