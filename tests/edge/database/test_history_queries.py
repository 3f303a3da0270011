"""The history of a recorder over months; tests/edge/monitoring/test_history.py tests the event counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge import __version__
from birdedge.edge.database.connection import reading
from birdedge.edge.database.history_queries import (
    _EVENTS,
    Growth,
    PastRun,
    events_per_bin,
    growth,
    latest_runs,
)
from birdedge.edge.messages import ClipWritten
from tests.support.streams import RATE_HZ, Clocks, MessageStream, end, kill, started


def test_an_empty_database_has_no_history(tmp_path: Path) -> None:
    started(tmp_path, Clocks()).close()
    with reading(tmp_path) as db:
        assert events_per_bin(db, 0.0, 4e9, 900.0) == []
        assert growth(db, 0.0) == Growth(0, None, None)


def test_growth_counts_the_clips_of_all_boots_since_a_given_time(tmp_path: Path) -> None:
    clocks = Clocks()
    for number in range(3):
        run_log = started(tmp_path, clocks, f"boot {number}")
        stream = MessageStream(run_log.apply, clocks)
        stream.hear(60, every_s=60.0)
        stamp = stream.timekeeper.stamp(30 * RATE_HZ)
        run_log.apply(ClipWritten(f"clips/{number}.flac", stamp, RATE_HZ, 100 * 10**number, 0.9))
        end(run_log, clocks)
        clocks.advance(40.0)
        clocks.boot_s = 50.0
    with reading(tmp_path) as db:
        found = growth(db, 1_000_100.0)
    assert found.clip_bytes == 11_000
    assert found.first_clip_utc_s == pytest.approx(1_000_030.0)
    assert found.first_heard_utc_s == pytest.approx(1_000_000.0)


def test_the_latest_runs_come_newest_first(tmp_path: Path) -> None:
    clocks = Clocks()
    end(started(tmp_path, clocks), clocks)
    clocks.advance(60.0)
    kill(started(tmp_path, clocks))
    with reading(tmp_path) as db:
        newest, oldest = latest_runs(db, 5)
        assert latest_runs(db, 1) == [newest]
    assert oldest._replace(utc_s=0.0) == PastRun(0.0, True, __version__, "birdedge-int8", "synchronized")
    assert oldest.utc_s == pytest.approx(1_000_000.0)
    assert (newest.utc_s, newest.ended) == (pytest.approx(1_000_060.0), False)


def test_events_are_counted_from_an_index_alone(tmp_path: Path) -> None:
    """A year may hold millions of them; the rows themselves need not be read."""
    started(tmp_path, Clocks()).close()
    with reading(tmp_path) as db:
        plan = [row[-1] for row in db.execute(f"EXPLAIN QUERY PLAN {_EVENTS}", (0.0, 4e9, 3600.0))]
    assert any(
        "event_rows USING COVERING INDEX events_by_onset (stream=? AND onset_s" in step for step in plan
    )
