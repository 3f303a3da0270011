"""What listening costs: CPU time against a yardstick of the same run, memory and start of the real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
Values = dict[str, list[float]]


def benchmark(*options: str) -> str:
    """What `python -m benchmarks.cost` prints."""
    command = [sys.executable, "-m", "benchmarks.cost", *options]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def costs() -> Values:
    """Each figure of the bundled model, one value a repeat."""
    (values,) = json.loads(benchmark("--minutes", "0.5", "--repeats", "4", "--json")).values()
    return values


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


def test_the_first_masks_are_there_a_second_after_the_process_began(costs: Values) -> None:
    print(f"start to the end of 3 s of sound: {min(costs['start_s']):.2f} s")
    assert min(costs["start_s"]) <= 1.0


def test_the_peak_of_a_large_process_that_measures_is_not_counted() -> None:
    ballast = bytearray(300_000_000)
    launcher = [sys.executable, ROOT / "benchmarks" / "process_cost.py"]
    done = subprocess.run([*launcher, sys.executable, "-c", "x = b'1' * 50_000_000"], stdout=subprocess.PIPE)
    cost = json.loads(done.stdout)
    assert len(ballast) > cost["peak_bytes"]
    assert 50e6 < cost["peak_bytes"] < 100e6
    assert cost["exit_code"] == 0


def test_the_benchmark_prints_a_table_with_a_row_a_stage() -> None:
    rows = {line[:24].strip(): line for line in benchmark("--minutes", "1", "--repeats", "1").splitlines()}
    listening_ms, peak_mb = (float(rows["birdedge-int8"].split()[column]) for column in (1, -1))
    assert 0 < float(rows["spectrogram"].split()[1]) < listening_ms
    assert 30 < peak_mb < 120


def test_the_benchmark_says_in_a_sentence_that_a_model_is_missing() -> None:
    command = [sys.executable, "-m", "benchmarks.cost", "--model", "owl"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: there is no model 'owl'; ")
    assert done.stderr.count("\n") == 1
