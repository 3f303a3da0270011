"""Tests of the figures read from the recorder's database."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.soak_figures import database_figures
from birdedge.edge.database import rows
from birdedge.edge.database.connection import open_to_write
from birdedge.edge.event import Event
from birdedge.edge.messages import EventDetected
from birdedge.edge.pipeline.utc_line import UtcLine
from birdedge.edge.times import ClockReading, Stamp

RATE_HZ = 48_000


def stamp(second: float) -> Stamp:
    """Return the stamp of a time in a stream that started 5 s after boot."""
    return Stamp(round(second * RATE_HZ), second, 5.0 + second, 1005.0 + second, 0.2, False)


def test_gaps_and_latency_come_from_the_database(tmp_path: Path) -> None:
    """Ten seconds with a gap of one second, and three events printed 200, 300 and 400 ms after their end."""
    db, _ = open_to_write(tmp_path)
    boot = rows.insert_boot(db, "boot", UtcLine().follow(ClockReading(4.0, 1004.0, False)))
    rows.insert_gap(db, boot, 4.0, "device lost", 5.0)  # before the first sample, so not counted
    run = rows.insert_run(db, boot, 4.0, "0", "model", "")
    stream = rows.insert_stream(db, run, "microphone", RATE_HZ, 1, 5.0)
    for first_s, end_s in ((0, 6), (7, 10)):
        span = rows.insert_span(db, stream, stamp(first_s))
        rows.extend_span(db, span, stamp(first_s), stamp(end_s))
    rows.insert_gap(db, boot, 11.0, "too slow", 12.0)
    rows.insert_anchor(db, stream, 0, ClockReading(5.25, 1005.25, False))
    rows.insert_anchor(db, stream, 9 * RATE_HZ, ClockReading(14.5, 1014.5, False))
    rows.set_health(db, run, 15.0, json.dumps({"overflows": 0, "device_losses": 2}))
    lines = []
    for number, latency_s in enumerate((0.2, 0.3, 0.4)):
        onset_s = 1.004 + number
        event = Event(
            onset_s, onset_s + 0.5, 2000.0, 3000.0, 2500.0, 0.99, 100.0, 9.0, 0, 0, np.zeros((1, 1), np.uint8)
        )
        message = EventDetected(stamp(onset_s), stamp(onset_s + 0.5), event)
        rows.insert_event(db, stream, message, 1005 + onset_s)
        line = json.dumps({"onset_s": round(onset_s, 4), "low_hz": 2000.0}).encode()
        lines.append((5 + onset_s + 0.5 + latency_s, line))
    db.commit()
    db.close()
    figures = database_figures(tmp_path, lines)
    assert figures["heard_s"] == pytest.approx(9.0)
    assert figures["continuity"] == pytest.approx(0.9)
    ((cause, length_s),) = figures["gaps"]
    assert cause == "too slow"
    assert length_s == pytest.approx(1.0)
    assert figures["latency_p50_s"] == pytest.approx(0.3, abs=1e-6)
    assert figures["max_latency_s"] == pytest.approx(0.4, abs=1e-6)
    assert figures["clock_minus_audio_s"] == pytest.approx(0.25)
    assert figures["latency_uncertainty_s"] == pytest.approx(0.45)
    assert figures["losses"] == 2
