"""Tests of the agreement with BirdNET: windows and events are counted, and shares have intervals."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.peers.agreement import Counts, counts, summary
from birdedge.edge.event import Event


def event(onset_s: float, offset_s: float) -> Event:
    mask = np.full((1, 1), 255, np.uint8)
    return Event(onset_s, offset_s, 1000.0, 2000.0, 1500.0, 0.97, 100.0, 20.0, 0, 0, mask)


def test_an_event_counts_in_each_whole_window_that_it_touches() -> None:
    detected = np.array([True, False, True, False])
    events = [event(1.0, 2.0), event(2.9, 3.1), event(4.0, 5.0), event(12.5, 13.0)]
    # The second touches two windows, the third touches only one without a detection, and the last is too late.
    assert counts(detected, events) == Counts(
        windows=4, birdnet=2, both=1, birdedge=2, events=3, events_confirmed=2
    )


def test_shares_have_intervals_over_recordings_or_wilson_intervals_if_none_or_all_succeed() -> None:
    row = summary([Counts(10, 4, 4, 5, 6, 0), Counts(10, 2, 2, 9, 3, 0), Counts(10, 3, 3, 1, 2, 0)])
    assert row["windows"] == 30
    assert row["birdnet_matched_share"] == 1.0
    low, high = row["birdnet_matched_share_interval"]
    assert low == pytest.approx(9 / (9 + 1.96**2))  # Wilson's bound if all succeed
    assert high == pytest.approx(1.0)
    assert row["events_confirmed_share"] == 0.0
    assert row["events_confirmed_share_interval"][1] == pytest.approx(1.96**2 / (11 + 1.96**2))
    low, high = row["birdedge_share_interval"]
    assert low < row["birdedge_share"] == 0.5 < high
    assert row["events_per_hour"] == pytest.approx(11 / 30 * 1200)


def test_a_share_of_nothing_is_none() -> None:
    row = summary([Counts(10, 0, 0, 1, 1, 0)])
    assert row["birdnet_matched_share"] is None
    assert row["birdnet_matched_share_interval"] is None
