"""Tests of latency under load."""

from __future__ import annotations

import pytest

from benchmarks.parts import latency_under_load
from benchmarks.parts.latency_under_load import LOADS, LoadFigures


def test_chunks_are_timed_under_each_load() -> None:
    figures = latency_under_load.measure(4)
    for load in LOADS:
        assert 1e-4 < figures[load]["p50"] <= figures[load]["p99"] < 5
        assert figures[load]["count"] == 4


@pytest.mark.parametrize(("p99_s", "reached"), [(0.039, True), (0.041, False)])
def test_the_target_is_a_share_of_the_chunk_on_the_loaded_machine(p99_s: float, reached: bool) -> None:
    idle, loaded = ({"p50": 0, "p95": 0, "p99": value, "max": 1, "count": 1} for value in (9.9, p99_s))
    figures: LoadFigures = {
        "processes": 2,
        "chunk_s": 0.1,
        "unloaded": idle,  # type: ignore[typeddict-item]
        "loaded": loaded,  # type: ignore[typeddict-item]
        "loaded_unpaced": idle,  # type: ignore[typeddict-item]
    }
    (target,) = latency_under_load.targets(figures)
    assert target.reached is reached
    assert target.measured == f"{1000 * p99_s:.1f}%"
    assert target.limit == "below 40% of the chunk"
