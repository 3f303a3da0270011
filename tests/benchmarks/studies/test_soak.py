"""Tests of the soak: its page agrees with the recorder's own database."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.support.virtual_microphone import missing_packages
from birdedge.edge.database.schema import FILE_NAME

ROOT = Path(__file__).parents[3]
needs_a_microphone = pytest.mark.skipif(
    bool(missing_packages()),
    reason=f"a virtual microphone needs more system packages: apt install {' '.join(missing_packages())}",
)


def soak(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m benchmarks.studies.soak`."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.studies.soak", *options],
        check=False,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


class Soaked(NamedTuple):
    """The output of a short soak."""

    figures: dict[str, Any]
    rows: dict[str, str]  # of the page
    database: sqlite3.Connection


def rows_of(page: str) -> dict[str, str]:
    """Return the values in the page's table by the label of their row."""
    return dict(re.findall(r"^\| (.+) \| (.+) \|$", page, re.M))


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Soaked:
    folder = tmp_path_factory.mktemp("soak")
    process = soak("--minutes", "0.35", "--out", folder / "out", "--page", folder / "page.md", "--json")
    assert process.returncode == 0, process.stderr
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "`python -m benchmarks.studies.soak --minutes 0.35`" in page
    return Soaked(json.loads(process.stdout), rows_of(page), sqlite3.connect(folder / "out" / FILE_NAME))


@needs_a_microphone
def test_the_page_agrees_with_the_database(soaked: Soaked) -> None:
    ((heard_samples, rate_hz),) = soaked.database.execute(
        "SELECT sum(samples), sample_rate_hz FROM heard JOIN streams ON streams.id = stream"
    )
    (gaps_s,) = soaked.database.execute(
        "SELECT coalesce(sum(length_s), 0) FROM gaps WHERE began_s >= (SELECT min(began_s) FROM heard)"
    ).fetchone()
    (events,) = soaked.database.execute("SELECT count(*) FROM events").fetchone()
    heard_s = heard_samples / rate_hz
    assert soaked.rows["heard"] == f"{heard_s:.2f} s"
    assert heard_s + gaps_s == pytest.approx(21.0, abs=0.1)
    continuity = float(soaked.rows["continuity (target: 100 %)"].split()[0]) / 100
    assert 0.9 <= continuity <= 1
    assert continuity == pytest.approx(heard_s / (heard_s + gaps_s), abs=1e-5)
    assert events > 0
    assert soaked.rows["events in the database, lines printed"] == f"{events}, {events}"


@needs_a_microphone
def test_each_event_is_printed_soon_after_its_end(soaked: Soaked) -> None:
    label = next(label for label in soaked.rows if label.startswith("latency"))
    latencies_s = [float(latency_s) for latency_s in re.findall(r"[\d.]+", soaked.rows[label])]
    print(soaked.rows[label])
    assert len(latencies_s) == 4
    assert latencies_s == sorted(latencies_s)
    # At least the pause that ends an event; the upper limit allows for a busy machine.
    assert 0.1 < latencies_s[0] < 2.0


@needs_a_microphone
def test_the_page_states_memory_cpu_time_and_load(soaked: Soaked) -> None:
    first_mb, last_mb, max_mb = (
        float(value)
        for value in re.findall(r"[\d.]+", soaked.rows["resident memory after warm-up, at the end, max"])
    )
    assert 30 < first_mb <= max_mb
    assert 30 < last_mb <= max_mb < 200
    assert 0 < soaked.figures["cpu_s_per_s"] < 1
    assert soaked.figures["max_load"] >= soaked.figures["mean_load"] > 0


@needs_a_microphone
def test_a_folder_with_an_earlier_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    process = soak("--out", tmp_path)
    assert process.returncode == 1
    assert process.stderr.endswith("is not empty; name a new folder, because its old gaps would count\n")


def test_a_file_is_segmented_faster_than_real_time() -> None:
    process = soak("--minutes", "1", "--fast")
    assert process.returncode == 0, process.stderr
    rows = rows_of(process.stdout)
    assert rows["audio"] == "60 s"
    assert float(rows["times real time, with start-up"]) > 1
    assert int(rows["events"]) > 0
