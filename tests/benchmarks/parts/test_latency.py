"""Tests of the timing of network calls."""

from __future__ import annotations

from benchmarks.parts.latency import calibration_s, time_calls
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.pipeline.segmenter import Segmenter


def test_each_call_is_timed_and_the_cpu_time_of_all_calls_is_measured() -> None:
    calls_s, cpu_s = time_calls(Segmenter(Model(DEFAULT_MODEL)), 5)
    assert len(calls_s) == 5
    assert min(calls_s) > 1e-5
    assert 1e-4 < cpu_s < 5


def test_a_calibration_loop_takes_measurable_time() -> None:
    assert calibration_s() > 1e-4
