"""`birdedge status` exits with 0 only if nothing needs a person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from birdedge.edge.health import Health
from birdedge.edge.messages import HealthReported
from tests.support.streams import Clocks, MessageStream, kill, started

ROOT = Path(__file__).parents[3]


def birdedge_status(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "birdedge", "status", *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def listening(folder: Path, health: Health) -> None:
    """Write the database of a recorder that is listening now."""
    clocks = Clocks(utc_s=time.time() - 10.0)
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    run_log.apply(HealthReported(stream.timekeeper.stamp(stream.sample), health))
    kill(run_log)


@pytest.mark.parametrize(
    ("health", "exit_code", "line"),
    [
        (Health(device="mic", clips_capped=3), 0, "clips in this run: 0 written, 3 left out by max_per_hour"),
        (Health(clip_problem="a clip was not written: no room"), 1, "! a clip was not written: no room"),
        (Health(dropped_messages=9), 1, "! 9 message(s) never reached the database: check its disk"),
    ],
)
def test_the_exit_code_is_1_where_a_person_is_needed(
    tmp_path: Path, health: Health, exit_code: int, line: str
) -> None:
    listening(tmp_path, health)
    done = birdedge_status(tmp_path)
    assert (done.returncode, done.stderr) == (exit_code, "")
    assert line in done.stdout.splitlines()


@pytest.mark.parametrize(("problem", "healthy"), [(None, True), ("clips cannot be deleted", False)])
def test_the_json_has_all_fields_and_the_verdict(tmp_path: Path, problem: str | None, healthy: bool) -> None:
    listening(tmp_path, Health(retention_problem=problem, temperature_c=40.0))
    done = birdedge_status(tmp_path, "--json")
    table = json.loads(done.stdout)
    assert done.returncode == (0 if healthy else 1)
    assert (table["healthy"], table["state"], table["site"]) == (healthy, "listening", "the wood")
    assert table["health"]["temperature_c"] == 40.0
    assert table["health"]["retention_problem"] == problem


def test_a_folder_without_a_recorder_is_one_sentence(tmp_path: Path) -> None:
    done = birdedge_status(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: there is no {tmp_path / 'birdedge.sqlite'}")
    assert len(done.stderr.splitlines()) == 1
