"""Events and rejected regions, as written and by time."""

from __future__ import annotations

import sqlite3

import pytest

from birdedge.edge.database import event_queries
from tests.support.streams import RATE_HZ


def test_an_empty_database_has_no_events(empty: sqlite3.Connection) -> None:
    assert event_queries.latest_event_utc_s(empty) is None
    assert event_queries.first_event_utc_s(empty, 0.0) is None
    assert event_queries.count_events(empty) == 0
    assert list(event_queries.events(empty)) == []
    assert list(event_queries.rejected(empty)) == []


def test_events_are_sorted_by_onset(recorded: sqlite3.Connection) -> None:
    found = list(event_queries.events(recorded))
    assert [event.utc_s for event in found] == pytest.approx([1e6 + 2, 1e6 + 4, 1e6 + 76])
    assert [event.onset_sample for event in found] == [2 * RATE_HZ, 4 * RATE_HZ, 6 * RATE_HZ]
    assert [event.offset_sample - event.onset_sample for event in found] == [RATE_HZ // 2] * 3
    assert [event.uncertainty_s is None for event in found] == [False, False, True]
    first = found[0]
    assert (first.low_hz, first.high_hz, first.peak_hz) == (2000.0, 3000.0, 2500.0)
    assert (first.score, first.area_hz_s, first.snr_db) == (0.97, 100.0, 12.0)


@pytest.mark.parametrize(("since_s", "count"), [(0.0, 3), (1e6 + 2, 3), (1e6 + 3, 2), (1e6 + 77, 0)])
def test_events_are_counted_since_a_given_time(
    recorded: sqlite3.Connection, since_s: float, count: int
) -> None:
    assert event_queries.count_events(recorded, since_s) == count
