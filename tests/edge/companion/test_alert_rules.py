"""Each condition is decided from the database of a recorder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.companion.alert_rules import RULES, Finding, RecorderView, find, unreadable
from birdedge.edge.database.connection import reading
from birdedge.edge.gap import GapCause
from birdedge.edge.health import Health
from birdedge.edge.integrations.alerts import AlertSettings, Condition
from birdedge.edge.messages import HealthReported
from birdedge.edge.monitoring.status import read_status
from birdedge.edge.system import board_health
from tests.support.streams import Clocks, MessageStream, end, started

MIDNIGHT = 86_400.0 * 20_000  # UTC; 02:00 in Berlin, in summer


class Recording:
    """A recorder that listened for two hours until now, at 12:00 UTC."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clocks = Clocks(utc_s=MIDNIGHT + 10 * 3600.0)
        self.run_log = started(folder, self.clocks)
        self.stream = MessageStream(self.run_log.apply, self.clocks)
        self.stream.hear(7200, every_s=60)

    def report(self, **health: Any) -> None:
        stamp = self.stream.timekeeper.stamp(self.stream.sample)
        self.run_log.apply(HealthReported(stamp, replace(Health(device="mic"), **health)))

    def find(self, when: Condition, later_s: float = 0.0, **settings: Any) -> Finding:
        self.run_log.commit()
        status = read_status(self.folder, self.clocks.utc_s + later_s)
        with reading(self.folder) as db:
            return find(AlertSettings(when, when, **settings), RecorderView(self.folder, db, status))


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path)


def test_a_listening_recorder_needs_no_alert(recording: Recording) -> None:
    recording.report(free_mb=5000.0, temperature_c=50.0, throttled=False)
    found = {when: recording.find(when).holds for when in RULES}
    assert found == dict.fromkeys(RULES, False)


def test_a_recorder_that_stops_reporting_fires_the_no_audio_alert(recording: Recording) -> None:
    assert recording.find("no_audio", later_s=10).holds is False
    assert recording.find("no_audio", later_s=60) == Finding(
        True, "it has stopped reporting audio, last audio 60 s ago"
    )


@pytest.mark.parametrize(
    ("cause", "holds", "text"),
    [
        ("device lost", True, "there is no microphone, last audio 5 min ago"),
        ("paused by schedule", False, "it is paused"),
    ],
)
def test_a_scheduled_pause_does_not_fire_the_no_audio_alert(
    recording: Recording, cause: GapCause, holds: bool, text: str
) -> None:
    recording.stream.break_off(cause)
    assert recording.find("no_audio", later_s=300) == Finding(holds, text)


def test_a_stopped_recorder_fires_the_no_audio_alert(recording: Recording) -> None:
    end(recording.run_log, recording.clocks)
    status = read_status(recording.folder, recording.clocks.utc_s + 7 * 3600)
    with reading(recording.folder) as db:
        found = find(AlertSettings("a", "no_audio"), RecorderView(recording.folder, db, status))
    assert found == Finding(True, "it was stopped, last audio 7 h ago")


def test_an_unreadable_recorder_fires_only_the_no_audio_alert() -> None:
    for when in RULES:
        found = unreadable(AlertSettings("a", when), "the disk is gone")
        assert found.holds is (True if when == "no_audio" else None)
    assert "the disk is gone" in unreadable(AlertSettings("a", "no_audio"), "the disk is gone").text


def test_problems_are_listed_in_the_text(recording: Recording) -> None:
    recording.report(clip_problem="a clip was not written: no room", throttled=True)
    found = recording.find("problem")
    assert found.holds
    assert found.text == (
        "a clip was not written: no room; the board is throttled: check its power supply and its temperature"
    )


@pytest.mark.parametrize("when", ["problem", "hot"])
def test_an_old_report_says_nothing_about_the_present(recording: Recording, when: Condition) -> None:
    recording.report(temperature_c=95.0, throttled=True)
    assert recording.find(when).holds is True
    assert recording.find(when, later_s=3600).holds is None


def test_low_coverage_of_the_last_day_is_found(recording: Recording) -> None:
    assert recording.find("coverage").text == "100.0% of the last 24 h were heard"
    recording.stream.lose(800.0)
    recording.stream.hear(10)
    assert recording.find("coverage") == Finding(True, "90.0% of the last 24 h were heard")
    assert recording.find("coverage", min_coverage=0.8).holds is False


def test_the_coverage_of_less_than_an_hour_says_nothing(tmp_path: Path) -> None:
    recording = Recording(tmp_path)
    recording.stream.lose(30_000.0)
    recording.stream.hear(10)
    assert recording.find("coverage").holds is True
    assert recording.find("coverage", later_s=23.5 * 3600).holds is None


def test_the_free_space_is_measured_at_the_present_time(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.report(free_mb=9_000.0)
    monkeypatch.setattr(board_health, "free_mb", lambda _folder: 900.0)
    assert recording.find("disk") == Finding(True, "0.9 GB of the disk are free")
    assert recording.find("disk", min_free_mb=800.0).holds is False


def test_a_drifting_clock_is_found(recording: Recording) -> None:
    assert recording.find("clock").holds is False
    recording.clocks.synchronized = False
    recording.stream.hear(3600, every_s=60)
    recording.run_log.follow_clock(recording.clocks())
    found = recording.find("clock", max_clock_error_s=0.0)
    assert found.holds is True
    assert found.text.startswith("its clock is known to within")


def test_a_clock_that_was_never_synchronized_is_found(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    MessageStream(run_log.apply, clocks).hear(10)
    run_log.commit()
    status = read_status(tmp_path, clocks.utc_s)
    with reading(tmp_path) as db:
        found = find(AlertSettings("a", "clock"), RecorderView(tmp_path, db, status))
    assert found == Finding(True, "its clock is not synchronized")


def test_a_hot_processor_is_found(recording: Recording) -> None:
    recording.report(temperature_c=80.5)
    assert recording.find("hot") == Finding(True, "its processor has 80 degrees C")
    assert recording.find("hot", max_temperature_c=85.0).holds is False
    recording.report(temperature_c=None)
    assert recording.find("hot").holds is None


def test_silence_counts_audio_and_not_gaps(recording: Recording) -> None:
    recording.stream.detect(3600.0)
    assert recording.find("silence", max_silence_h=1.5) == Finding(False, "the last event was 60 min ago")
    recording.stream.lose(36_000.0)
    recording.stream.hear(1200, every_s=60)
    assert recording.find("silence", max_silence_h=1.5).holds is False
    recording.stream.hear(1200, every_s=60)
    assert recording.find("silence", max_silence_h=1.5) == Finding(True, "100 min of audio without an event")


def test_silence_is_counted_from_the_start_if_there_is_no_event(recording: Recording) -> None:
    assert recording.find("silence", max_silence_h=3.0).holds is False
    assert recording.find("silence", max_silence_h=1.5).holds is True


def test_the_first_event_of_the_day_is_found_in_the_local_time_zone(recording: Recording) -> None:
    assert recording.find("first_bird").holds is False
    recording.stream.detect(1000.0)
    recording.stream.detect(500.0)
    utc_s = MIDNIGHT + 36_000.0 + 500.0
    found = recording.find("first_bird", timezone="Europe/Berlin")
    assert found.holds is True
    assert found.utc_s == pytest.approx(utc_s, abs=0.1)
    assert found.text == "the first event of the day was at 12:08"
    # It is the next day in Auckland from 12:00 UTC on.
    assert recording.find("first_bird", timezone="Pacific/Auckland").holds is False


def test_many_events_in_an_hour_are_found(recording: Recording) -> None:
    for onset_s in range(0, 7200, 100):
        recording.stream.detect(float(onset_s))
    assert recording.find("many_events", max_events_per_hour=35) == Finding(
        True, "36 events in the last hour"
    )
    assert recording.find("many_events", max_events_per_hour=36).holds is False
