"""Tests of summary statistics."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.report.statistics import format_summary, percentiles, summarize


def test_a_summary_is_printed_with_its_range() -> None:
    assert format_summary(summarize([3.0, 1.0, 2.5]), 10) == "25.00 (10.00 to 30.00)"
    assert np.isclose(summarize([1.0, 2.0])["median"], 1.5)
    assert json.loads(json.dumps(summarize([1.0])))["max"] == 1.0


def test_percentiles_are_interpolated() -> None:
    found = percentiles([float(value) for value in range(101)])
    assert found == pytest.approx({"p50": 50, "p95": 95, "p99": 99, "max": 100, "count": 101})
    assert percentiles([1.0, 2.0])["p50"] == pytest.approx(1.5)
