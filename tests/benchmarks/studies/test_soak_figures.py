"""Tests of the figures read from the recorder's database."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.studies.soak_figures import database_figures
from birdedge.edge.database.store import Stamp, Store
from birdedge.edge.event import Event

RATE_HZ = 48_000


def test_gaps_and_latency_come_from_the_database(tmp_path: Path) -> None:
    """Ten seconds with a gap of one, and three events printed 200, 300 and 400 ms after their end."""
    store = Store(tmp_path)
    boot = store.begin_boot("boot", 1000.0, False)
    store.begin_gap(boot, 4.0, "device lost", 1.0)  # before the first sample, so not counted
    run = store.begin_run(boot, 4.0, "0", "model", "")
    stream = store.begin_stream(run, "microphone", RATE_HZ, 1, 5.0)
    for second, samples in ((0, 6), (7, 3)):
        span = store.begin_heard(stream, second * RATE_HZ, 5.0 + second)
        store.set_heard(span, samples * RATE_HZ)
    store.begin_gap(boot, 11.0, "too slow", 1.0)
    store.add_anchor(stream, 0, 5.25, 1005.25, False)
    store.add_anchor(stream, 9 * RATE_HZ, 14.5, 1014.5, False)
    store.set_state(run, 15.0, json.dumps({"overflows": 0, "losses": 2}))
    lines = []
    for number, latency_s in enumerate((0.2, 0.3, 0.4)):
        onset_s = 1.004 + number
        event = Event(
            onset_s, onset_s + 0.5, 2000.0, 3000.0, 2500.0, 0.99, 100.0, 9.0, 0, 0, np.zeros((1, 1), np.uint8)
        )
        store.add_event(stream, event, RATE_HZ, Stamp(5 + onset_s, 1005 + onset_s, None))
        line = json.dumps({"onset_s": round(onset_s, 4), "low_hz": 2000.0}).encode()
        lines.append((5 + onset_s + 0.5 + latency_s, line))
    store.close()
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
