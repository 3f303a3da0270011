"""The conditions of alerts, evaluated from the database of a recorder and its status."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from birdedge.edge.database import coverage_queries, event_queries
from birdedge.edge.database.coverage_queries import GapRow, SpanRow
from birdedge.edge.integrations.alerts import AlertSettings, Condition
from birdedge.edge.integrations.quiet_hours import day_begin_utc_s, zone
from birdedge.edge.monitoring.coverage import WHOLE_S, Coverage, coverage_of
from birdedge.edge.monitoring.status import Status
from birdedge.edge.system import board_health

HOUR_S, DAY_S = 3600.0, 86_400.0
MIN_EXPECTED_S = 3600.0  # the coverage of a shorter time says nothing
STATES = {
    "no_device": "there is no microphone",
    "stalled": "it has stopped reporting audio",
    "stopped": "it was stopped",
}


class Finding(NamedTuple):
    """Whether a condition holds; None if it is not known at present."""

    holds: bool | None
    text: str = ""  # a sentence
    utc_s: float | None = None  # when it happened, for a condition that happens once


@dataclass(frozen=True)
class RecorderView:
    """A recorder as it is now."""

    folder: Path
    db: sqlite3.Connection
    status: Status

    @property
    def now_utc_s(self) -> float:
        """The time of the status."""
        return self.status.generated_utc_s

    def coverage(self, since_utc_s: float) -> Coverage:
        """Return the coverage until now."""
        spans, gaps = self._rows
        return coverage_of(spans, gaps, since_utc_s, self.now_utc_s, WHOLE_S)

    @cached_property
    def _rows(self) -> tuple[list[SpanRow], list[GapRow]]:
        return coverage_queries.spans(self.db), coverage_queries.gaps(self.db)

    @property
    def reports(self) -> bool:
        """Whether its last report is current."""
        return self.status.state == "listening"


def find(alert: AlertSettings, recorder: RecorderView) -> Finding:
    """Evaluate the condition of an alert.

    Raises:
        DiskError: The database cannot be read.
    """
    return RULES[alert.when](alert, recorder)


def unreadable(alert: AlertSettings, problem: str) -> Finding:
    """Evaluate the condition of an alert about a recorder whose database cannot be read."""
    return (
        Finding(True, f"its database cannot be read: {problem}")
        if alert.when == "no_audio"
        else Finding(None)
    )


def _no_audio(_alert: AlertSettings, recorder: RecorderView) -> Finding:
    status = recorder.status
    if status.state not in STATES:
        return Finding(False, f"it is {status.state}")
    age = (
        "no audio yet" if status.last_audio_s is None else f"last audio {_duration(status.last_audio_s)} ago"
    )
    return Finding(True, f"{STATES[status.state]}, {age}")


def _problem(_alert: AlertSettings, recorder: RecorderView) -> Finding:
    if not recorder.reports:
        return Finding(None)
    problems = list(recorder.status.health.problems.values())
    return Finding(bool(problems), "; ".join(problems) or "no problem is left")


def _coverage(alert: AlertSettings, recorder: RecorderView) -> Finding:
    day = recorder.coverage(recorder.now_utc_s - DAY_S)
    if day.expected_s < MIN_EXPECTED_S:
        return Finding(None)
    return Finding(day.share < alert.min_coverage, f"{day.share:.1%} of the last 24 h were heard")


def _disk(alert: AlertSettings, recorder: RecorderView) -> Finding:
    if recorder.status.disk_problem:
        return Finding(True, recorder.status.disk_problem)
    free_mb = board_health.free_mb(recorder.folder)
    if free_mb is None:
        return Finding(None)
    return Finding(free_mb < alert.min_free_mb, f"{free_mb / 1000:.1f} GB of the disk are free")


def _clock(alert: AlertSettings, recorder: RecorderView) -> Finding:
    status = recorder.status
    if status.state in ("stalled", "stopped"):
        return Finding(None)
    if not status.clock_synchronized:
        return Finding(True, "its clock is not synchronized")
    error_s = status.clock_uncertainty_s or 0.0
    return Finding(error_s > alert.max_clock_error_s, f"its clock is known to within {error_s:.1f} s")


def _hot(alert: AlertSettings, recorder: RecorderView) -> Finding:
    temperature_c = recorder.status.health.temperature_c
    if temperature_c is None or not recorder.reports:
        return Finding(None)
    return Finding(
        temperature_c > alert.max_temperature_c, f"its processor has {temperature_c:.0f} degrees C"
    )


def _silence(alert: AlertSettings, recorder: RecorderView) -> Finding:
    latest_s = event_queries.latest_event_utc_s(recorder.db)
    heard_s = recorder.coverage(latest_s or 0.0).heard_s
    text = f"{_duration(heard_s)} of audio without an event"
    if latest_s is not None and heard_s <= alert.max_silence_h * HOUR_S:
        text = f"the last event was {_duration(recorder.now_utc_s - latest_s)} ago"
    return Finding(heard_s > alert.max_silence_h * HOUR_S, text)


def _first_bird(alert: AlertSettings, recorder: RecorderView) -> Finding:
    utc_s = event_queries.first_event_utc_s(recorder.db, day_begin_utc_s(alert.timezone, recorder.now_utc_s))
    if utc_s is None or utc_s > recorder.now_utc_s:
        return Finding(False)
    local = datetime.fromtimestamp(utc_s, zone(alert.timezone))
    return Finding(True, f"the first event of the day was at {local:%H:%M}", utc_s)


def _many_events(alert: AlertSettings, recorder: RecorderView) -> Finding:
    events = event_queries.count_events(recorder.db, recorder.now_utc_s - HOUR_S)
    return Finding(events > alert.max_events_per_hour, f"{events} events in the last hour")


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{max(seconds, 0.0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * HOUR_S else f"{seconds / HOUR_S:.0f} h"


RULES: dict[Condition, Callable[[AlertSettings, RecorderView], Finding]] = {
    "no_audio": _no_audio,
    "problem": _problem,
    "coverage": _coverage,
    "disk": _disk,
    "clock": _clock,
    "hot": _hot,
    "silence": _silence,
    "first_bird": _first_bird,
    "many_events": _many_events,
}
