"""Tests of the measurement of costs in worker processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from benchmarks import peers
from benchmarks.peers import environments
from benchmarks.peers.costs import (
    COMMANDS,
    FILE,
    LIGHT,
    LIVE,
    NETWORK,
    SMALL,
    Worker,
    contenders,
    measure_costs,
)
from birdedge.edge.models.names import ARCHIVE_MODEL, DEFAULT_MODEL


def test_birdedge_is_measured_even_if_no_other_tool_is_installed() -> None:
    found = measure_costs(rounds=2, audio_s=9.0, chosen={}, folders={})
    spent = found["cpu_s_per_s"]
    assert set(spent) == {NETWORK, FILE, LIGHT, SMALL, LIVE, *COMMANDS}
    assert all(len(values) == 2 and min(values) > 0 for values in (spent[NETWORK], spent[FILE], spent[LIVE]))
    assert min(spent[NETWORK]) < min(spent[FILE])
    assert not found["failed"]


def test_files_are_measured_with_the_file_model_and_a_microphone_with_the_live_model() -> None:
    rows = contenders({})
    models = {title: rows[title].arguments[1] for title in (NETWORK, FILE, LIVE)}
    assert models == {NETWORK: ARCHIVE_MODEL, FILE: ARCHIVE_MODEL, LIVE: DEFAULT_MODEL}


def test_a_worker_measures_the_cpu_time_of_one_run_only(tmp_path: Path) -> None:
    program = tmp_path / "spin.py"
    program.write_text(
        "import time\n"
        "def load(samples, sample_rate_hz, seconds):\n"
        "    assert (len(samples), sample_rate_hz) == (3, 8000)\n"
        "    def run():\n"
        "        end = time.process_time() + float(seconds)\n"
        "        while time.process_time() < end: pass\n"
        "    return run\n"
    )
    recording = tmp_path / "recording.wav"
    soundfile.write(recording, np.array([0.0, 0.5, -0.5]), 8000, subtype="PCM_16")
    script = str(Path(peers.__file__).with_name("worker.py"))
    with Worker([sys.executable, script, str(program), str(recording), "0.05"]) as worker:
        assert worker.cpu_s() == pytest.approx(0.05, rel=0.2)
        assert worker.cpu_s() == pytest.approx(0.05, rel=0.2)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        Worker([sys.executable, script, str(program), str(recording), "soon"])
    assert environments.reason(failed.value) == "ValueError: could not convert string to float: 'soon'"
