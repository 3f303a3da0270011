"""The status of a recorder is read from its database alone."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.database.connection import open_to_write
from birdedge.edge.database.database_file import DatabaseFile
from birdedge.edge.database.run_log import RunLog
from birdedge.edge.database.schema import FILE_NAME
from birdedge.edge.errors import DiskError, StoreError
from birdedge.edge.gap import GapCause
from birdedge.edge.health import Health
from birdedge.edge.messages import GapStarted, HealthReported
from birdedge.edge.monitoring.status import SHOWN_GAPS, STALE_S, Status, read_status, status_page
from birdedge.edge.system.clock import boot_id, monotonic_s
from tests.edge.test_health import PROBLEMS
from tests.support.disks import full, read_only, small_disk
from tests.support.streams import Clocks, MessageStream, end, kill, started

MIDNIGHT = 86_400.0 * 20_000


class Recording:
    """A recorder that started a minute before midnight UTC, and has listened for 100 s until now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clocks = Clocks(utc_s=MIDNIGHT - 60.0)
        self.run_log = started(folder, self.clocks)
        self.stream = MessageStream(self.run_log.apply, self.clocks, source="USB Audio")
        self.stream.hear(100)

    def report(self, **health: Any) -> None:
        stamp = self.stream.timekeeper.stamp(self.stream.sample)
        self.run_log.apply(HealthReported(stamp, replace(Health(device="USB Audio"), **health)))

    def status(self, later_s: float = 0.0) -> Status:
        self.run_log.commit()
        return read_status(self.folder, self.clocks.utc_s + later_s)


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


def test_a_listening_recorder_is_healthy(recording: Recording) -> None:
    recording.report(
        backlog_s=0.1, free_mb=2000.0, temperature_c=51.4, load_level="all audio", clips_written=4
    )
    recording.stream.detect(10.0)
    recording.stream.detect(90.0)
    status = recording.status(later_s=2.0)
    assert (status.state, status.healthy, status.site) == ("listening", True, "the wood")
    assert (status.model, status.clock_synchronized) == ("birdedge-int8", True)
    assert status.heard_s == pytest.approx(100)
    assert (status.coverage_today, status.coverage_since_start) == (1.0, 1.0)
    assert (status.events_today, status.events) == (1, 2)
    assert status.last_audio_s == pytest.approx(2.0)
    assert status_page(status).splitlines() == [
        "listening at the wood, USB Audio, with birdedge-int8",
        "last audio 2.0 s ago, backlog 0.1 s, analysing all audio",
        "heard 100.000% of today, 100.000% since the start (0.0 h)",
        "1 event(s) today, 2 in total",
        "clock synchronized, within 0.1 s now",
        "clips in this run: 4 written",
        "disk: 2.0 GB free",
        "51 degrees C",
    ]


def test_a_recorder_that_has_not_reported_yet_has_no_microphone(recording: Recording) -> None:
    page = status_page(recording.status())
    assert page.startswith("listening at the wood, no microphone yet, with birdedge-int8\n")
    assert "disk" not in page
    assert "degrees" not in page


@pytest.mark.parametrize(("later_s", "state"), [(STALE_S - 1, "listening"), (STALE_S + 1, "stalled")])
def test_a_recorder_that_reports_no_audio_is_stalled(
    recording: Recording, later_s: float, state: str
) -> None:
    status = recording.status(later_s)
    assert (status.state, status.healthy) == (state, state == "listening")
    assert status.last_audio_s == pytest.approx(later_s)


@pytest.mark.parametrize(("later_s", "state"), [(STALE_S + 39, "listening"), (STALE_S + 41, "stalled")])
def test_audio_skipped_by_an_overloaded_recorder_is_not_a_stall(
    recording: Recording, later_s: float, state: str
) -> None:
    recording.report(load_level="20 % of the audio", left_out_s=40.0)
    assert recording.status(later_s).state == state


def test_a_recorder_without_any_audio_is_stalled_some_time_after_its_start(tmp_path: Path) -> None:
    clocks = Clocks()
    kill(started(tmp_path, clocks))
    assert read_status(tmp_path, clocks.utc_s + STALE_S - 1).state == "listening"
    status = read_status(tmp_path, clocks.utc_s + STALE_S + 1)
    assert (status.state, status.last_audio_s) == ("stalled", None)
    assert "last audio never" in status_page(status)


@pytest.mark.parametrize(
    ("cause", "state", "healthy"),
    [("device lost", "no_device", False), ("paused by schedule", "paused", True)],
)
def test_an_open_gap_sets_the_state(recording: Recording, cause: GapCause, state: str, healthy: bool) -> None:
    recording.stream.break_off(cause)
    status = recording.status(later_s=70.0)
    assert (status.state, status.healthy) == (state, healthy)
    page = status_page(status)
    assert page.startswith(f"{state.replace('_', ' ')} at the wood")
    assert page.endswith(f"gap 00:00:40 UTC, 70.0 s so far: {cause}")


def test_a_device_that_is_lost_during_a_pause_is_missing_after_it(recording: Recording) -> None:
    recording.stream.break_off("paused by schedule")
    recording.clocks.advance(60.0)
    lost = recording.stream.timekeeper.now(recording.clocks())
    recording.run_log.apply(GapStarted(lost, "device lost"))
    recording.clocks.advance(40.0)
    status = recording.status()
    assert (status.state, status.healthy) == ("no_device", False)
    assert status.coverage_today == pytest.approx(40 / 80)


def test_gaps_of_today_are_listed_and_the_latest_are_shown(recording: Recording) -> None:
    for _ in range(SHOWN_GAPS + 2):
        recording.stream.lose(0.5, "too slow")
        recording.stream.hear(1)
    status = recording.status()
    assert len(status.gaps_today) == SHOWN_GAPS + 2
    shown = [line for line in status_page(status).splitlines() if line.startswith("gap ")]
    assert len(shown) == SHOWN_GAPS
    assert shown[-1] == "gap 00:00:56 UTC, 0.5 s: too slow"
    assert status.coverage_today == pytest.approx(52 / 58)


def test_gaps_of_yesterday_count_only_in_the_coverage_since_the_start(tmp_path: Path) -> None:
    clocks = Clocks(utc_s=MIDNIGHT - 200.0)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(50)
    stream.lose(50.0)
    stream.hear(150)
    kill(run_log)
    status = read_status(tmp_path, clocks.utc_s)
    assert status.gaps_today == ()
    assert status.coverage_today == 1.0
    assert status.coverage_since_start == pytest.approx(0.8)


def test_an_unsynchronized_clock_is_reported(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    kill(started(tmp_path, clocks))
    status = read_status(tmp_path, clocks.utc_s)
    assert not status.clock_synchronized
    assert "clock not synchronized; timestamps will be corrected" in status_page(status)


@pytest.mark.parametrize(("field", "value", "sentence"), PROBLEMS)
def test_each_problem_makes_the_recorder_unhealthy(
    recording: Recording, field: str, value: Any, sentence: str
) -> None:
    recording.report(**{field: value})
    status = recording.status()
    assert status.state == "listening"
    assert not status.healthy
    assert f"! {sentence}" in status_page(status).splitlines()


def test_clips_that_are_not_kept_are_counted(recording: Recording) -> None:
    recording.report(clips_written=5, clips_capped=7, clips_failed=2)
    status = recording.status()
    assert status.healthy  # a cap is a setting, and the clip after the failed clip was written
    assert "clips in this run: 5 written, 7 left out by max_per_hour, 2 failed" in status_page(status)
    recording.report(clips_dropped=1)
    assert "clips in this run: 0 written, 1 dropped" in status_page(recording.status())


def test_digital_silence_is_counted(recording: Recording) -> None:
    recording.report(silent_s=12.4)
    assert "12.4 s of digital silence in this run" in status_page(recording.status())


def test_a_run_that_has_ended_is_stopped(recording: Recording) -> None:
    end(recording.run_log, recording.clocks)
    status = read_status(recording.folder, recording.clocks.utc_s)
    assert (status.state, status.healthy) == ("stopped", False)


def test_the_health_of_an_earlier_run_does_not_carry_over(recording: Recording) -> None:
    recording.report(clips_written=5, clip_problem="a clip was not written: no room")
    end(recording.run_log, recording.clocks)
    kill(started(recording.folder, recording.clocks))
    status = read_status(recording.folder, recording.clocks.utc_s)
    assert status.health == Health()
    assert status.healthy


def test_the_time_since_the_last_audio_follows_the_boot_clock_within_a_boot(tmp_path: Path) -> None:
    clocks = Clocks(boot_s=monotonic_s() - 5.0, utc_s=1_000_000.0)
    run_log = RunLog(DatabaseFile(tmp_path), boot_id(), clocks(), "model", "")
    run_log.begin()
    MessageStream(run_log.apply, clocks).hear(1)
    kill(run_log)
    status = read_status(tmp_path, time.time() + 1e6)  # whatever the clock shows
    assert status.last_audio_s == pytest.approx(4.0, abs=2.0)
    assert status.state == "listening"


def test_the_status_can_be_written_as_json(recording: Recording) -> None:
    recording.stream.lose(1.0)
    recording.stream.hear(1)
    recording.report(clips_written=3)
    table = json.loads(json.dumps(asdict(recording.status())))
    assert table["state"] == "listening"
    assert table["health"]["clips_written"] == 3
    assert [gap["cause"] for gap in table["gaps_today"]] == ["overrun"]


def test_a_folder_without_a_recorder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="name the folder of `birdedge listen --out`"):
        read_status(tmp_path / "none", 0.0)
    open_to_write(tmp_path)[0].close()
    with pytest.raises(StoreError, match=f"in {tmp_path} holds no run yet: start `birdedge listen --out"):
        read_status(tmp_path, 0.0)


def test_a_copy_without_the_write_ahead_log_is_an_error_that_says_what_to_copy(
    recording: Recording, tmp_path: Path
) -> None:
    recording.run_log.commit()
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copy(recording.folder / FILE_NAME, copy)
    with pytest.raises(StoreError, match=f"copy {copy / FILE_NAME}-wal with it, or stop the recorder before"):
        read_status(copy, recording.clocks.utc_s)
    recording.run_log._file.checkpoint()
    shutil.copy(recording.folder / FILE_NAME, copy)
    status = read_status(copy, recording.clocks.utc_s)
    assert not status.healthy
    assert f"! {copy / FILE_NAME} is without the newest part" in status_page(status)
    shutil.copy(recording.folder / f"{FILE_NAME}-wal", copy)
    assert read_status(copy, recording.clocks.utc_s).healthy
    end(recording.run_log, recording.clocks)
    status = read_status(recording.folder, recording.clocks.utc_s)
    assert status.copy_problem is None


def test_a_full_disk_needs_attention_although_the_recorder_cannot_report_it(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        recording = Recording(disk)
        recording.report()
        recording.run_log.commit()
        with full(disk):
            status = read_status(disk, recording.clocks.utc_s)
        assert not status.healthy
        page = status_page(status)
        assert f"! the disk of {disk} is full: make room" in page
        assert (
            "! a recorder that listens buffers new results in memory until then, and this page is old" in page
        )
        assert read_status(disk, recording.clocks.utc_s).healthy
        kill(recording.run_log)


def test_a_read_only_disk_needs_attention(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        recording = Recording(disk)
        end(recording.run_log, recording.clocks)
        with read_only(disk):
            status = read_status(disk, recording.clocks.utc_s)
        assert status.disk_problem is not None
        assert status.disk_problem.startswith(f"the disk of {disk} is read-only: check it")


def test_a_read_only_disk_without_a_database_is_named_as_the_reason(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk, read_only(disk), pytest.raises(DiskError) as caught:
        read_status(disk, 0.0)
    assert "is read-only" in str(caught.value)
    assert str(caught.value).endswith("; until then the status of the recorder cannot be read")
