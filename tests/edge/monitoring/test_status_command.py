"""`birdedge status` exits with 0 only if nothing needs a person."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from birdedge import __version__
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
def test_the_exit_code_is_1_if_the_recorder_needs_attention(
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


def test_a_folder_without_a_recorder_is_a_one_sentence_error(tmp_path: Path) -> None:
    done = birdedge_status(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: there is no {tmp_path / 'birdedge.sqlite'}")
    assert len(done.stderr.splitlines()) == 1


def test_the_json_starts_with_its_schema_and_identifies_the_recorder(tmp_path: Path) -> None:
    listening(tmp_path, Health(latitude_deg=52.5, longitude_deg=13.4))
    table = json.loads(birdedge_status(tmp_path, "--json").stdout)
    assert list(table)[:6] == ["schema", "site", "version", "latitude_deg", "longitude_deg", "generated"]
    assert (table["schema"], table["site"], table["version"]) == (1, "the wood", __version__)
    assert (table["latitude_deg"], table["longitude_deg"]) == (52.5, 13.4)
    assert abs(datetime.fromisoformat(table["generated"]).timestamp() - time.time()) < 60


def test_metrics_are_printed_with_exit_code_0_even_for_an_unhealthy_recorder(tmp_path: Path) -> None:
    listening(tmp_path / "oak", Health(throttled=True))
    done = birdedge_status(tmp_path, "--prometheus")
    assert (done.returncode, done.stderr) == (0, "")
    assert 'birdedge_up{recorder="oak"} 1' in done.stdout.splitlines()
    assert 'birdedge_healthy{recorder="oak"} 0' in done.stdout.splitlines()


def test_a_missing_recorder_is_down(tmp_path: Path) -> None:
    done = birdedge_status(tmp_path / "drive", "--prometheus")
    assert (done.returncode, done.stderr) == (0, "")
    assert 'birdedge_up{recorder="drive"} 0' in done.stdout.splitlines()


def test_a_metrics_file_is_replaced_atomically_and_readable_by_everyone(tmp_path: Path) -> None:
    listening(tmp_path / "oak", Health())
    file = tmp_path / "textfiles" / "birdedge.prom"
    file.parent.mkdir()
    file.write_text('birdedge_gap_seconds_total{recorder="oak",cause="overrun"} 7\n', encoding="utf-8")
    old = file.open(encoding="utf-8")
    done = birdedge_status(tmp_path, "--prometheus", "--output", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert 'birdedge_up{recorder="oak"} 1\n' in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in file.parent.iterdir()] == ["birdedge.prom"]
    with old:  # a reader of the old file can read it to its end
        assert old.read().endswith(" 7\n")


def test_options_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    for options in (("--output", "x.prom"), ("--json", "--prometheus")):
        done = birdedge_status(tmp_path, *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert "--prometheus" in done.stderr


def test_each_source_is_shown_and_an_unreadable_one_hides_no_other(tmp_path: Path) -> None:
    for name in ("oak", "pond"):
        (tmp_path / name).mkdir()
        listening(tmp_path / name, Health(device=name))
    done = birdedge_status(tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.partition(",")[0] for line in done.stdout.splitlines() if "listening" in line] == [
        "oak: listening at the wood",
        "pond: listening at the wood",
    ]
    (tmp_path / "barn").mkdir()
    (tmp_path / "barn" / "birdedge.sqlite").write_bytes(b"damaged" * 1000)
    done = birdedge_status(tmp_path, "--json")
    assert done.returncode == 1, done.stderr
    table = json.loads(done.stdout)
    assert not table["healthy"]
    assert "barn" in table["sources"]["barn"]["error"]
    assert [table["sources"][name]["state"] for name in ("oak", "pond")] == ["listening"] * 2
