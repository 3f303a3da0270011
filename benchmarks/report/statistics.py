"""Summary statistics of repeated measurements."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TypedDict


class Summary(TypedDict):
    """Median and range of repeated measurements."""

    median: float
    min: float
    max: float


class Percentiles(TypedDict):
    """Percentiles, maximum and number of measurements."""

    p50: float
    p95: float
    p99: float
    max: float
    count: int


def summarize(values: Sequence[float]) -> Summary:
    """Return the median and the range of the values."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def format_summary(summary: Summary, scale: float = 1.0, digits: int = 2) -> str:
    """Return `1.23 (1.20 to 1.31)`; a `scale` of 1000 prints seconds as milliseconds."""
    median, low, high = (
        f"{scale * value:.{digits}f}" for value in (summary["median"], summary["min"], summary["max"])
    )
    return f"{median} ({low} to {high})"


def percentiles(values: Sequence[float]) -> Percentiles:
    """Return the percentiles of the values, interpolated linearly."""
    import numpy as np  # reads the number of threads when it loads, so the caller's environment comes first

    p50, p95, p99 = (float(np.percentile(values, percent)) for percent in (50, 95, 99))
    return {"p50": p50, "p95": p95, "p99": p99, "max": max(values), "count": len(values)}
