"""Spans and gaps, as written and by time."""

from __future__ import annotations

import sqlite3

import pytest

from birdedge.edge.database import coverage_queries


def test_an_empty_database_has_no_coverage(empty: sqlite3.Connection) -> None:
    assert coverage_queries.last_heard_s(empty, 1) is None
    assert coverage_queries.open_gap_cause(empty) is None
    assert coverage_queries.open_gaps(empty, 1) == []
    assert coverage_queries.spans(empty) == []
    assert coverage_queries.gaps(empty) == []
    assert coverage_queries.gap_totals(empty) == []
    assert coverage_queries.heard_s(empty) == 0.0
    assert coverage_queries.load_levels(empty) == []


def test_the_last_audio_is_found_for_each_run(recorded: sqlite3.Connection) -> None:
    assert coverage_queries.last_heard_s(recorded, 1) == pytest.approx(110.0)
    assert coverage_queries.last_heard_s(recorded, 2) == pytest.approx(26.5)
    assert coverage_queries.last_heard_s(recorded, 3) is None


def test_gaps_without_a_length_are_open(recorded: sqlite3.Connection) -> None:
    assert coverage_queries.open_gap_cause(recorded) == "device lost"
    ((number, began_s),) = coverage_queries.open_gaps(recorded, 2)
    assert number == 3
    assert began_s == pytest.approx(26.5)
    assert coverage_queries.open_gaps(recorded, 1) == []


def test_spans_are_sorted_by_time(recorded: sqlite3.Connection) -> None:
    found = coverage_queries.spans(recorded)
    assert [span.utc_s for span in found] == pytest.approx([1e6, 1e6 + 70.0, 1e6 + 90.5])
    assert [span.length_s for span in found] == pytest.approx([10.0, 20.0, 1.0])


def test_gaps_are_sorted_by_time(recorded: sqlite3.Connection) -> None:
    stopped, overrun, lost = coverage_queries.gaps(recorded)
    assert [gap.cause for gap in (stopped, overrun, lost)] == ["stopped", "overrun", "device lost"]
    assert [gap.utc_s for gap in (stopped, overrun, lost)] == pytest.approx([1e6 + 10, 1e6 + 90, 1e6 + 91.5])
    assert (stopped.length_s, stopped.lasts) == (None, False)  # the clock of the second boot was never right
    assert overrun.length_s == pytest.approx(0.5)
    assert (lost.length_s, lost.lasts) == (None, True)
