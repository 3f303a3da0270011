"""The payloads of a recorder's topics, from the rows of its database."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from typing import Any

from birdedge.edge.companion.mqtt_progress import event_id, gap_id
from birdedge.edge.database import coverage_queries, run_queries
from birdedge.edge.database.coverage_queries import NewGap
from birdedge.edge.database.event_queries import NewEvent
from birdedge.edge.formats.columns import utc_text
from birdedge.edge.integrations.home_assistant import EVENT_TYPE
from birdedge.edge.monitoring.status import Status
from birdedge.edge.system.printable import valid_unicode


def event_payload(new: NewEvent, left_out: int) -> bytes:
    """Return the message about one event that an automation may react to.

    Args:
        new: The event.
        left_out: The number of events since the previous message that are in batches only.
    """
    return _json({"event_type": EVENT_TYPE, **_event(new, is_late=False), "left_out": left_out})


def batch_payload(events: Sequence[tuple[NewEvent, bool]]) -> bytes:
    """Return the message about events; each comes with whether it is too old for an automation."""
    return _json({"events": [_event(new, is_late) for new, is_late in events]})


def gap_payload(new: NewGap, is_late: bool) -> bytes:
    """Return the message about a gap, one that lasts or one that is over."""
    gap = new.gap
    return _json(
        {
            "id": gap_id(new),
            "row": new.id,
            "began": utc_text(gap.utc_s, 0.0),
            "length_s": _rounded(gap.length_s, 3),
            "cause": gap.cause,
            "lasts": gap.lasts,
            "late": is_late,
        }
    )


def status_payload(status: Status, latest_event_utc_s: float | None) -> bytes:
    """Return the message about the status of a recorder."""
    health = status.health
    problems = [status.disk_problem, status.copy_problem, *health.problems.values()]
    return _json(
        {
            "state": status.state,
            "healthy": status.healthy,
            "site": status.site,
            "model": status.model,
            "device": health.device,
            "version": status.version,
            "last_audio_s": status.last_audio_s,
            "coverage_today": _rounded(status.coverage_today, 6),
            "gaps_today": len(status.gaps_today),
            "events_today": status.events_today,
            "last_event": utc_text(latest_event_utc_s, 0.0) if latest_event_utc_s is not None else None,
            "clock": status.clock,
            "clock_uncertainty_s": status.clock_uncertainty_s,
            "load_level": health.load_level,
            "backlog_s": _rounded(health.backlog_s, 1),
            "free_mb": _rounded(health.free_mb, 0),
            "temperature_c": _rounded(health.temperature_c, 1),
            "problems": [valid_unicode(problem) for problem in problems if problem],
        }
    )


def state_of(db: sqlite3.Connection) -> object:
    """Return a value that changes when the status has news: what runs, what is wrong, and why nothing is heard."""
    run = run_queries.latest_run(db)
    health = run_queries.latest_health(db)
    problems = {key: value for key, value in health.items() if key.endswith("_problem")}
    return run and (run.run, run.ended_s), coverage_queries.open_gap_cause(db), problems


def _event(new: NewEvent, is_late: bool) -> dict[str, Any]:
    event = new.event
    return {
        "id": event_id(new),
        "row": event.id,
        "onset": utc_text(event.utc_s, 0.0),
        "uncertainty_s": _rounded(event.uncertainty_s, 3),
        "duration_s": _rounded(event.duration_s, 3),
        "low_hz": _rounded(event.low_hz, 1),
        "high_hz": _rounded(event.high_hz, 1),
        "peak_hz": _rounded(event.peak_hz, 1),
        "score": _rounded(event.score, 3),
        "snr_db": _rounded(event.snr_db, 1),
        "sound_class": event.sound_class,
        "late": is_late,
    }


def _rounded(value: float | None, decimals: int) -> float | None:
    """Return a number as JSON can hold it; None for what is unknown or infinite."""
    return None if value is None or not math.isfinite(value) else round(value, decimals)


def _json(table: dict[str, Any]) -> bytes:
    return json.dumps(table, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
