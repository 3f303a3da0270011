"""Figures of a soak, read from the recorder's database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

import click
import numpy as np

from benchmarks.support.process_output import TimedLine
from benchmarks.support.process_samples import ProcessFigures
from birdedge.edge.database import coverage_queries, event_queries, run_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.errors import OutputError
from birdedge.edge.health import Health
from birdedge.edge.monitoring.coverage import coverage
from birdedge.edge.pipeline.timekeeper import ARRIVAL_S


class DatabaseFigures(TypedDict):
    """Coverage, latency and counts from the database and the printed lines."""

    heard_s: float
    expected_s: float
    continuity: float  # heard / expected
    gaps: list[tuple[str, float]]  # cause and length in seconds
    clock_s: float  # between the first and the last anchor
    clock_minus_audio_s: float  # over that time
    overflows: int
    losses: int
    events: int
    lines: int
    latency_p50_s: float
    latency_p95_s: float
    latency_p99_s: float
    max_latency_s: float
    latency_uncertainty_s: float


class SoakFigures(ProcessFigures, DatabaseFigures):
    """All figures of a soak."""

    max_backlog_s: float


def latest_health(out: Path) -> Health:
    """Return the recorder's latest health report, or a healthy one if there is none yet."""
    with suppress(OutputError), reading(out) as db:
        return Health.from_json(run_queries.latest_health(db))
    return Health()


def database_figures(out: Path, lines: Sequence[TimedLine]) -> DatabaseFigures:
    """Return coverage and latency.

    Args:
        out: The recorder's folder.
        lines: Lines of its standard output, with their arrival times on the monotonic clock.

    Raises:
        click.ClickException: There is no event and therefore no latency.
    """
    with reading(out) as db:
        spans = coverage_queries.spans(db)
        first_s = spans[0].utc_s
        heard = coverage(db, first_s, max(span.utc_s + span.length_s for span in spans))
        anchors = coverage_queries.anchors(db)
        events = sorted(event_queries.events(db), key=lambda event: event.id)
    latencies_s = [
        arrived_s - event.onset_s - event.duration_s
        for (arrived_s, line), event in zip(lines, events, strict=False)
        if round(event.low_hz, 1) == json.loads(line)["low_hz"]  # a mismatch shows in the two counts
    ]
    if not latencies_s:
        raise click.ClickException("no event was detected; give more --minutes")
    delays_s = [anchor.boot_s - anchor.audio_s for anchor in anchors]
    p50_s, p95_s, p99_s = (float(np.percentile(latencies_s, percent)) for percent in (50, 95, 99))
    health = latest_health(out)
    return {
        "heard_s": heard.heard_s,
        "expected_s": heard.expected_s,
        "continuity": heard.share,
        # Skip the gap before the first sample, which ends there.
        "gaps": [(gap.cause, gap.known_s) for gap in heard.gaps if gap.utc_s >= first_s],
        "clock_s": anchors[-1].boot_s - anchors[0].boot_s,
        "clock_minus_audio_s": delays_s[-1] - delays_s[0],
        "overflows": health.overflows,
        "losses": health.device_losses,
        "events": len(events),
        "lines": len(lines),
        "latency_p50_s": p50_s,
        "latency_p95_s": p95_s,
        "latency_p99_s": p99_s,
        "max_latency_s": max(latencies_s),
        "latency_uncertainty_s": ARRIVAL_S + max(delays_s) - min(delays_s),
    }
