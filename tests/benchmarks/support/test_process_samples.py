"""Tests of the memory and CPU time of a sampled process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.support.process_samples import ProcessSample, process_figures, watch_process


def test_the_memory_slope_is_per_hour_of_audio_and_covers_only_the_warm_process() -> None:
    at_s = np.arange(0.0, 3600.0, 10.0)
    resident_bytes = np.where(at_s < 300, 50e6, 100e6 + 2e6 * at_s / 3600)
    samples = [
        ProcessSample(at_s=7.0 + t, resident_bytes=int(b), cpu_s=0.02 * t, load=1.0)
        for t, b in zip(at_s, resident_bytes, strict=True)
    ]
    live, at_tenfold_speed = process_figures(samples), process_figures(samples, times_real_time=10)
    assert live["resident_slope_bytes_per_h"] == pytest.approx(2e6, rel=1e-3)
    assert live["cpu_s_per_s"] == pytest.approx(0.02)
    assert at_tenfold_speed["cpu_s_per_s"] == pytest.approx(0.002)


def test_a_process_that_fails_is_an_error_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", "raise SystemExit('no space left')"]
    with (
        pytest.raises(subprocess.CalledProcessError) as failed,
        log.open("wb") as errors,
        subprocess.Popen(command, stderr=errors) as process,
    ):
        list(watch_process(process, log, 0.05))
    assert failed.value.stderr == "no space left\n"


def test_a_running_process_is_sampled_until_it_ends(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.5)"]) as process:
        samples = list(watch_process(process, tmp_path / "log", 0.05))
    assert len(samples) > 2
    assert max(sample.resident_bytes for sample in samples) > 1e6
    assert samples[-1].at_s - samples[0].at_s < 5
