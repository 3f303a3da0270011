"""What listening costs: CPU time against a yardstick of the same run, memory and start of the real process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.parts.cost import costs_of
from birdedge.edge.models.names import DEFAULT_MODEL

ROOT = Path(__file__).parents[2]
Values = dict[str, list[float]]


@pytest.fixture(scope="module")
def costs() -> Values:
    """Each figure of the bundled model, one value a repeat."""
    return costs_of([DEFAULT_MODEL], minutes=0.5, repeats=4)[DEFAULT_MODEL]


def test_the_pipeline_costs_at_most_30_times_its_spectrogram(costs: Values) -> None:
    # CPU seconds differ by machine, their ratio little. BirdNET V2.4 costs some 40 times this spectrogram.
    pipeline, spectrogram = (min(costs[f"{part}, cpu_s_per_s"]) for part in ("pipeline", "spectrogram"))
    print(f"pipeline {1e3 * pipeline:.2f} ms a second, {pipeline / spectrogram:.1f} times the spectrogram")
    assert spectrogram < pipeline <= 30 * spectrogram


def test_the_stages_add_up_to_the_pipeline(costs: Values) -> None:
    stages = ("resample", "spectrogram", "network input", "network", "events")
    parts = sum(min(costs[f"{stage}, cpu_s_per_s"]) for stage in stages)
    assert parts == pytest.approx(min(costs["pipeline, cpu_s_per_s"]), rel=0.3)


def test_listening_to_a_file_stays_under_120_mb_resident(costs: Values) -> None:
    peak_mb = max(costs["peak_bytes"]) / 1e6
    print(f"peak {peak_mb:.0f} MB resident")
    assert 30 < peak_mb < 120


def test_the_first_masks_are_there_after_a_second_of_cpu_time(costs: Values) -> None:
    # Not of time, which is the machine's business as much as ours.
    print(
        f"start to the end of 3 s of sound: {min(costs['start_cpu_s']):.2f} s of CPU, {min(costs['start_s']):.2f} s"
    )
    assert min(costs["start_cpu_s"]) <= 1.0


def test_the_peak_of_a_large_process_that_measures_is_not_counted() -> None:
    ballast = bytearray(300_000_000)
    launcher = [sys.executable, ROOT / "benchmarks" / "support" / "process_cost.py"]
    done = subprocess.run([*launcher, sys.executable, "-c", "x = b'1' * 50_000_000"], stdout=subprocess.PIPE)
    cost = json.loads(done.stdout)
    assert len(ballast) > cost["peak_bytes"]
    assert 50e6 < cost["peak_bytes"] < 100e6
    assert cost["exit_code"] == 0
