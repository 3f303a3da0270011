"""Tests of live latency."""

from __future__ import annotations

import pytest

from benchmarks.parts.live import delays_s, measure_chirps
from benchmarks.support.virtual_microphone import missing_packages


def test_a_delay_ends_at_the_first_arrival_and_a_late_arrival_does_not_count() -> None:
    assert delays_s([1.0, 3.0, 5.0], [1.2, 1.3, 3.4, 9.0]) == [0.2, 0.4]


@pytest.mark.skipif(bool(missing_packages()), reason=f"apt install {' '.join(missing_packages())}")
def test_chirps_from_the_loudspeaker_are_marked_and_soon_become_events() -> None:
    figures = measure_chirps(2)
    print(figures["to_mask_s"], figures["to_event_s"])
    assert figures["chirps"] == len(figures["to_mask_s"]) == len(figures["to_event_s"]) == 2
    # Not before the lookahead of 64 ms, nor before the pause of 100 ms that ends an event.
    assert min(figures["to_mask_s"]) > 0.064
    assert min(figures["to_event_s"]) > 0.1
    assert 30e6 < figures["max_resident_bytes"] < 200e6
    assert 0 < figures["cpu_s_per_s"] < 2
