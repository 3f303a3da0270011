"""Coverage is audio heard divided by audio expected, between two times."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from birdedge.edge.gap import CAUSES, PAUSED, GapCause
from birdedge.edge.monitoring.coverage import Coverage
from birdedge.edge.monitoring.status import read_status
from tests.support.streams import Clocks, MessageStream, coverage_of, kill, started

YEAR_S = 365.25 * 86_400.0
HOUR = 3600.0 * 100  # a full hour of UTC


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """10 min of audio, 10 min of overrun, 20 min of audio across the hour, and a device lost 10 min after the hour."""
    clocks = Clocks(utc_s=HOUR - 1800.0)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(600, every_s=60.0)
    stream.lose(600.0)
    stream.hear(1200, every_s=60.0)
    stream.break_off()
    kill(run_log)
    return tmp_path


def test_heard_and_expected_seconds_are_split_by_hour(recorded: Path) -> None:
    found = coverage_of(recorded, until_utc_s=HOUR + 1200.0)
    assert found.heard_s == pytest.approx(1800.0)
    assert found.expected_s == pytest.approx(3000.0)
    assert found.share == pytest.approx(0.6)
    assert found.hours == {
        HOUR - 3600.0: pytest.approx((1200.0, 1800.0)),
        HOUR: pytest.approx((600.0, 1200.0)),
    }


@pytest.mark.parametrize(
    ("since_s", "until_s", "heard_s", "expected_s", "causes"),
    [
        (-1800, -1200, 600, 600, []),
        (-1500, -900, 300, 600, ["overrun"]),
        (-1000, -700, 0, 300, ["overrun"]),
        (-600, 600, 1200, 1200, []),
        (0, 900, 600, 900, ["device lost"]),
        (700, 800, 0, 100, ["device lost"]),
        (-1_000_000, -1800, 0, 0, []),
    ],
)
def test_only_the_time_between_since_and_until_counts(
    recorded: Path, since_s: float, until_s: float, heard_s: float, expected_s: float, causes: list[str]
) -> None:
    found = coverage_of(recorded, HOUR + since_s, HOUR + until_s)
    assert found.heard_s == pytest.approx(heard_s)
    assert found.expected_s == pytest.approx(expected_s)
    assert [gap.cause for gap in found.gaps] == causes


def test_an_open_gap_lasts_until_now(recorded: Path) -> None:
    overrun, lost = coverage_of(recorded, until_utc_s=HOUR + 700.0).gaps
    assert (overrun.lasts, lost.lasts) == (False, True)
    assert [overrun.length_s, lost.length_s] == pytest.approx([600.0, 100.0])


@pytest.mark.parametrize("cause", CAUSES)
def test_every_gap_except_a_pause_counts_as_expected_audio(tmp_path: Path, cause: GapCause) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.lose(30.0, cause)
    stream.hear(10)
    kill(run_log)
    found = coverage_of(tmp_path)
    assert found.expected_s == pytest.approx(20.0 if cause == PAUSED else 50.0)
    assert [gap.cause for gap in found.gaps] == [cause]


def test_coverage_is_complete_if_nothing_was_expected() -> None:
    assert Coverage(0.0, 0.0, (), {}).share == 1.0


def test_a_gap_of_many_years_takes_no_more_time_than_a_short_one(tmp_path: Path) -> None:
    """Such a gap comes from a card in a drawer, or a recorder that started in 1970 for lack of a clock."""
    clocks = Clocks(utc_s=HOUR)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(60)
    stream.break_off()
    kill(run_log)
    began_s = time.process_time()
    assert read_status(tmp_path, HOUR + 60 * YEAR_S).heard_s == pytest.approx(60.0)
    assert time.process_time() - began_s < 0.5
