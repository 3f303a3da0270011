"""Times that were written before the clock was synchronized become right once it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge.edge.database import event_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.database.event_queries import EventRow
from birdedge.edge.database.writer import DatabaseWriter
from tests.support.streams import (
    RATE_HZ,
    Clocks,
    MessageStream,
    coverage_of,
    end,
    gaps_of,
    kill,
    rows_of,
    started,
)
from tests.support.waiting import wait_until

DAY_S = 86_400.0


def events_of(folder: Path) -> list[EventRow]:
    with reading(folder) as db:
        return list(event_queries.events(db))


def rejected_of(folder: Path) -> list[EventRow]:
    with reading(folder) as db:
        return [row.region for row in event_queries.rejected(db)]


@pytest.mark.parametrize("step_s", [3600.0, -3600.0, 20 * 365.25 * 86_400])
def test_events_before_the_synchronization_get_their_true_time(tmp_path: Path, step_s: float) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.detect(4.0)
    run_log.commit()
    (unsure,) = events_of(tmp_path)
    assert unsure.utc_s == pytest.approx(1_000_004.0)
    assert (unsure.uncertainty_s, unsure.corrected) == (None, False)
    clocks.utc_s += step_s
    clocks.synchronized = True
    run_log.follow_clock(clocks())
    stream.hear(5)
    stream.detect(12.0)
    end(run_log, clocks)
    early, late = sorted(events_of(tmp_path), key=lambda event: event.onset_s)
    assert early.utc_s == pytest.approx(1_000_004.0 + step_s)
    assert early.uncertainty_s == pytest.approx(0.3, abs=0.1)
    assert early.corrected
    assert late.utc_s == pytest.approx(1_000_012.0 + step_s)
    assert late.uncertainty_s is not None
    assert late.uncertainty_s < 0.5
    assert not late.corrected
    found = coverage_of(tmp_path)
    assert found.gaps == ()
    assert found.heard_s == pytest.approx(15)


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
def test_rejected_regions_before_the_synchronization_get_their_true_time(
    tmp_path: Path, step_s: float
) -> None:
    clocks = Clocks(synchronized=False)
    database = DatabaseWriter(tmp_path, "boot", "model", commit_s=0.01, read=clocks)
    stream = MessageStream(database.submit, clocks)
    stream.reject(0.5)
    stream.end()
    wait_until(lambda: rejected_of(tmp_path))
    (unsure,) = rejected_of(tmp_path)
    assert unsure.utc_s == pytest.approx(1_000_000.5)
    assert (unsure.uncertainty_s, unsure.corrected) == (None, False)
    clocks.utc_s += step_s
    clocks.synchronized = True
    wait_until(lambda: rejected_of(tmp_path)[0].corrected)
    stream = MessageStream(database.submit, clocks)
    stream.reject(0.5)
    database.close()
    early, late = sorted(rejected_of(tmp_path), key=lambda region: region.id)
    assert [early.utc_s, late.utc_s] == pytest.approx([1_000_000.5 + step_s] * 2)
    assert early.uncertainty_s is not None
    assert late.uncertainty_s is not None
    assert (early.corrected, late.corrected) == (True, False)


@pytest.mark.parametrize(("step_s", "taken_s"), [(3600.0, 3600.0), (-7200.0, -7200.0), (20.0, 0.0)])
def test_a_clock_set_by_hand_is_trusted_in_a_boot_that_was_never_synchronized(
    tmp_path: Path, step_s: float, taken_s: float
) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(5)
    stream.detect(1.0)
    clocks.utc_s += step_s
    run_log.follow_clock(clocks())
    stream.hear(5)
    stream.detect(6.0)
    end(run_log, clocks)
    first, second = events_of(tmp_path)
    assert [first.utc_s, second.utc_s] == pytest.approx([1_000_001.0 + taken_s, 1_000_006.0 + taken_s])
    assert (first.uncertainty_s, second.uncertainty_s) == (None, None)
    assert rows_of(tmp_path, "SELECT clock FROM boots") == [("set" if taken_s else "unknown",)]


def test_a_clock_set_by_hand_after_a_synchronization_is_not_trusted(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(5)
    stream.detect(1.0)
    clocks.synchronized = False
    clocks.utc_s += 3600.0
    run_log.follow_clock(clocks())
    end(run_log, clocks)
    (event,) = events_of(tmp_path)
    assert event.utc_s == pytest.approx(1_000_001.0)


def test_events_of_a_week_without_ntp_are_shifted_in_proportion(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    for second, heard_s in ((DAY_S, 2 * DAY_S), (3 * DAY_S, 2 * DAY_S), (5 * DAY_S, 2 * DAY_S)):
        if second == 3 * DAY_S:
            run_log.follow_clock(clocks())  # on day 2 the clock is right
            clocks.synchronized = False
        stream.hear(heard_s, every_s=600.0)
        stream.detect(second)
    clocks.utc_s -= 8.0  # on day 6 it is found to be 8 s ahead
    clocks.synchronized = True
    run_log.follow_clock(clocks())
    end(run_log, clocks)
    events = events_of(tmp_path)
    moved_s = [event.utc_s - 1_000_000.0 - event.onset_sample / RATE_HZ for event in events]
    assert moved_s == pytest.approx([0.0, -2.0, -6.0], abs=1e-3)
    assert [event.corrected for event in events] == [False, True, True]
    assert all(event.uncertainty_s is not None and event.uncertainty_s < 8.0 for event in events)


def test_a_correction_writes_a_few_rows_regardless_of_the_number_of_events(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(100)
    for tenth in range(20_000):
        stream.detect(tenth / 200)
    run_log.commit()
    run_log.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    clocks.utc_s += 0.06
    clocks.synchronized = True
    run_log.follow_clock(clocks())
    run_log.commit()
    assert (tmp_path / "birdedge.sqlite-wal").stat().st_size < 50_000
    assert all(event.corrected for event in events_of(tmp_path))
    kill(run_log)


def test_events_of_another_boot_keep_their_time(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    earlier = started(tmp_path, clocks)
    stream = MessageStream(earlier.apply, clocks)
    stream.hear(5)
    stream.detect(1.0)
    kill(earlier)
    later = Clocks(boot_s=20.0, utc_s=2_000_000.0, synchronized=False)
    run_log = started(tmp_path, later, "next boot")
    stream = MessageStream(run_log.apply, later)
    stream.hear(5)
    stream.detect(1.0)
    later.utc_s += 3600.0
    later.synchronized = True
    run_log.follow_clock(later())
    end(run_log, later)
    first, second = events_of(tmp_path)
    assert [first.utc_s, second.utc_s] == pytest.approx([1_000_001.0, 2_003_601.0])
    assert (first.uncertainty_s, first.corrected, second.corrected) == (None, False, True)


def test_the_length_of_a_power_cut_is_corrected_when_the_clock_is_set(tmp_path: Path) -> None:
    clocks = Clocks()
    run_log = started(tmp_path, clocks)
    MessageStream(run_log.apply, clocks).hear(10)
    kill(run_log)
    off = Clocks(boot_s=20.0, utc_s=500_000.0, synchronized=False)  # no clock chip: it starts in the past
    again = started(tmp_path, off, "next boot")
    stream = MessageStream(again.apply, off)
    stream.hear(5)
    again.commit()
    assert gaps_of(tmp_path) == [("power lost", None)]
    assert coverage_of(tmp_path).expected_s == pytest.approx(15.0)
    off.utc_s = 1_000_000.0 + 10 + 600 + 5
    off.synchronized = True
    again.follow_clock(off())
    stream.hear(5)
    end(again, off)
    assert gaps_of(tmp_path) == [("power lost", 600.0)]


def test_a_later_run_of_the_same_boot_keeps_the_corrected_clock(tmp_path: Path) -> None:
    clocks = Clocks(synchronized=False)
    run_log = started(tmp_path, clocks)
    clocks.utc_s += 3600.0
    clocks.synchronized = True
    run_log.follow_clock(clocks())
    end(run_log, clocks)
    clocks.utc_s -= 1800.0  # what the clock shows now is known to be wrong
    clocks.synchronized = False
    again = started(tmp_path, clocks)
    assert again.utc.utc_s(100.0) == pytest.approx(1_000_000.0 + 3600.0)
    assert again.utc.synchronized
    stream = MessageStream(again.apply, clocks)
    stream.hear(5)
    stream.detect(1.0)
    end(again, clocks)
    (event,) = events_of(tmp_path)
    assert event.utc_s == pytest.approx(1_000_001.0 + 3600.0)
