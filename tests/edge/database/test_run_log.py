"""The time between two runs is a gap; its cause says how the first run ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.streams import (
    Clocks,
    MessageStream,
    coverage_of,
    end,
    gaps_of,
    kill,
    started,
)


@pytest.mark.parametrize(
    ("stopped", "boot_id", "cause"),
    [(True, "boot", "stopped"), (False, "boot", "restart"), (False, "next boot", "power lost")],
)
def test_the_time_between_two_runs_is_a_gap(tmp_path: Path, stopped: bool, boot_id: str, cause: str) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    MessageStream(run_log.apply, clocks).hear(10)
    if stopped:
        end(run_log, clocks)
    else:
        kill(run_log)
    clocks.advance(60.0)
    if boot_id != "boot":
        clocks.boot_s = 5.0
    again = started(tmp_path, clocks, boot_id)
    MessageStream(again.apply, clocks).hear(5)
    end(again, clocks)
    assert gaps_of(tmp_path) == [(cause, 60.0)]
    assert coverage_of(tmp_path).heard_s == pytest.approx(15)


def test_a_run_killed_before_any_audio_is_a_gap_from_its_start(tmp_path: Path) -> None:
    clocks = Clocks()
    kill(started(tmp_path, clocks))
    clocks.advance(30.0)
    end(started(tmp_path, clocks), clocks)
    assert gaps_of(tmp_path) == [("restart", 30.0)]


def test_a_run_that_stops_during_a_gap_ends_the_gap(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.break_off()
    clocks.advance(20.0)
    stream.end()
    end(run_log, clocks)
    clocks.advance(60.0)
    end(started(tmp_path, clocks), clocks)
    assert gaps_of(tmp_path) == [("device lost", 20.0), ("stopped", 60.0)]


def test_a_power_loss_during_a_device_loss_leaves_no_time_unexplained(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.break_off()
    clocks.advance(20.0)
    kill(run_log)
    clocks.advance(60.0)
    end(started(tmp_path, clocks, "next boot"), clocks)
    gaps = gaps_of(tmp_path)
    assert {cause for cause, _ in gaps} == {"device lost", "power lost"}
    assert sum(length_s or 0.0 for _, length_s in gaps) == pytest.approx(80.0)
