"""Figures of a soak, read from the recorder's database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

import click
import numpy as np

from benchmarks.support.process_output import TimedLine
from benchmarks.support.process_samples import ProcessFigures
from birdedge.edge.database.store import Store
from birdedge.edge.errors import OutputError
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


def last_state(out: Path) -> dict[str, Any]:
    """Return the recorder's latest health report, or an empty dict if there is none yet."""
    with suppress(OutputError):
        store = Store(out, read_only=True)
        try:
            for (state,) in store.rows("SELECT json FROM state"):
                return dict(json.loads(str(state)))
        finally:
            store.close()
    return {}


def database_figures(out: Path, lines: Sequence[TimedLine]) -> DatabaseFigures:
    """Return coverage and latency.

    Args:
        out: The recorder's folder.
        lines: Lines of its standard output, with their arrival times on the monotonic clock.

    Raises:
        click.ClickException: There is no event, so no latency.
    """
    store = Store(out, read_only=True)
    spans = store.rows(
        """SELECT heard.began_s + boots.offset_s, heard.samples * 1.0 / streams.sample_rate_hz FROM heard
        JOIN streams ON streams.id = heard.stream JOIN runs ON runs.id = streams.run
        JOIN boots ON boots.id = runs.boot"""
    )
    first_s = min(began_s for began_s, _ in spans)
    heard = coverage(store, first_s, max(began_s + length_s for began_s, length_s in spans))
    anchors = store.rows(
        """SELECT boot_s, sample * 1.0 / sample_rate_hz FROM anchors JOIN streams ON streams.id = stream
        ORDER BY boot_s"""
    )
    events = store.rows(
        """SELECT onset_s + (offset_sample - onset_sample) * 1.0 / sample_rate_hz, onset_sample * 1.0 / sample_rate_hz,
        low_hz FROM events JOIN streams ON streams.id = stream ORDER BY events.id"""
    )
    store.close()
    # Onsets are multiples of 4 ms.
    ends_s = {(f"{onset_s:.3f}", f"{low_hz:.1f}"): ended_s for ended_s, onset_s, low_hz in events}
    latencies_s = []
    for arrived_s, line in lines:
        event = json.loads(line)
        key = f"{event['onset_s']:.3f}", f"{event['low_hz']:.1f}"
        if key in ends_s:  # a line without a row shows as a difference of the two counts
            latencies_s.append(arrived_s - ends_s[key])
    if not latencies_s:
        raise click.ClickException("no event was detected; give more --minutes")
    delays_s = [boot_s - audio_s for boot_s, audio_s in anchors]
    p50_s, p95_s, p99_s = (float(np.percentile(latencies_s, percent)) for percent in (50, 95, 99))
    state = last_state(out)
    return {
        "heard_s": heard.heard_s,
        "expected_s": heard.expected_s,
        "continuity": heard.share,
        # Without the gap before the first sample, which ends there.
        "gaps": [(gap.cause, gap.length_s) for gap in heard.gaps if gap.utc_s >= first_s],
        "clock_s": anchors[-1][0] - anchors[0][0],
        "clock_minus_audio_s": delays_s[-1] - delays_s[0],
        "overflows": state["overflows"],
        "losses": state["losses"],
        "events": len(events),
        "lines": len(lines),
        "latency_p50_s": p50_s,
        "latency_p95_s": p95_s,
        "latency_p99_s": p99_s,
        "max_latency_s": max(latencies_s),
        "latency_uncertainty_s": ARRIVAL_S + max(delays_s) - min(delays_s),
    }
