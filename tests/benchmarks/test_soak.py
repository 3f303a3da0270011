"""The soak: its page says what the recorder's own database holds, and its figures are right where they are known."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from benchmarks.studies.soak_figures import book_figures, process_figures
from benchmarks.support.virtual_microphone import missing_packages
from birdedge.edge.database.connection import FILE_NAME
from birdedge.edge.database.store import Stamp, Store
from birdedge.edge.event import Event

ROOT = Path(__file__).parents[2]
RATE_HZ = 48_000
needs_a_microphone = pytest.mark.skipif(
    bool(missing_packages()),
    reason=f"a virtual microphone needs more system packages: apt install {' '.join(missing_packages())}",
)


def soak(*options: str | Path) -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks.studies.soak`."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.studies.soak", *options],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


class Soaked(NamedTuple):
    """What a short soak left."""

    figures: dict[str, Any]
    rows: dict[str, str]  # of the page
    database: sqlite3.Connection


def rows_of(page: str) -> dict[str, str]:
    """Label and value of each row of the page's table."""
    return dict(re.findall(r"^\| (.+) \| (.+) \|$", page, re.M))


@pytest.fixture(scope="module")
def soaked(tmp_path_factory: pytest.TempPathFactory) -> Soaked:
    folder = tmp_path_factory.mktemp("soak")
    done = soak("--minutes", "0.35", "--out", folder / "out", "--page", folder / "page.md", "--json")
    assert done.returncode == 0, done.stderr
    page = (folder / "page.md").read_text(encoding="utf-8")
    assert "`python -m benchmarks.studies.soak --minutes 0.35`" in page
    return Soaked(json.loads(done.stdout), rows_of(page), sqlite3.connect(folder / "out" / FILE_NAME))


@needs_a_microphone
def test_the_page_says_what_the_database_holds(soaked: Soaked) -> None:
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
    continuity = float(soaked.rows["continuity (aim: 100 %)"].split()[0]) / 100
    assert 0.9 <= continuity <= 1
    assert continuity == pytest.approx(heard_s / (heard_s + gaps_s), abs=1e-5)
    assert events > 0
    assert soaked.rows["events in the database, lines printed"] == f"{events}, {events}"


@needs_a_microphone
def test_each_event_is_printed_soon_after_it_ended(soaked: Soaked) -> None:
    label = next(label for label in soaked.rows if label.startswith("latency"))
    latencies_s = [float(latency_s) for latency_s in re.findall(r"[\d.]+", soaked.rows[label])]
    print(soaked.rows[label])
    assert len(latencies_s) == 4
    assert latencies_s == sorted(latencies_s)
    # Not below the pause that ends an event; generous above, for a busy machine.
    assert 0.1 < latencies_s[0] < 2.0


@needs_a_microphone
def test_what_the_process_takes_is_on_the_page(soaked: Soaked) -> None:
    first_mb, last_mb, max_mb = (
        float(value)
        for value in re.findall(r"[\d.]+", soaked.rows["resident memory warmed up, at the end, at most"])
    )
    assert 30 < first_mb <= max_mb
    assert 30 < last_mb <= max_mb < 200
    assert 0 < soaked.figures["cpu_s_per_s"] < 1
    assert soaked.figures["max_load"] >= soaked.figures["load_mean"] > 0


@needs_a_microphone
def test_a_folder_with_an_earlier_run_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    done = soak("--out", tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("is not empty: name a new folder, or old gaps would count\n")


def test_a_file_is_segmented_faster_than_real_time() -> None:
    done = soak("--minutes", "1", "--fast")
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert rows["sound"] == "60 s"
    assert float(rows["times real time, start included"]) > 1
    assert int(rows["events"]) > 0


def test_the_memory_slope_is_that_of_the_warm_process_an_hour_of_sound() -> None:
    at_s = np.arange(0.0, 3600.0, 10.0)
    resident_bytes = np.where(at_s < 300, 50e6, 100e6 + 2e6 * at_s / 3600)
    samples = [
        {"at_s": 7.0 + t, "resident_bytes": int(b), "cpu_s": 0.02 * t, "load": 1.0}
        for t, b in zip(at_s, resident_bytes, strict=True)
    ]
    live, at_tenfold_speed = process_figures(samples), process_figures(samples, speed=10)
    assert live["resident_slope_bytes_per_h"] == pytest.approx(2e6, rel=1e-3)
    assert live["cpu_s_per_s"] == pytest.approx(0.02)
    assert at_tenfold_speed["cpu_s_per_s"] == pytest.approx(0.002)


def test_gaps_and_latency_are_those_of_the_book(tmp_path: Path) -> None:
    """Ten seconds of which one was lost, and three events printed 200, 300 and 400 ms after their end."""
    store = Store(tmp_path)
    boot = store.begin_boot("boot", 1000.0, False)
    store.begin_gap(boot, 4.0, "device lost", 1.0)  # before the first sound: not the soak's
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
    figures = book_figures(tmp_path, lines)
    assert figures["heard_s"] == pytest.approx(9.0)
    assert figures["continuity"] == pytest.approx(0.9)
    assert figures["gaps"] == [["too slow", pytest.approx(1.0)]]
    assert figures["latency_p50_s"] == pytest.approx(0.3, abs=1e-6)
    assert figures["max_latency_s"] == pytest.approx(0.4, abs=1e-6)
    assert figures["clock_less_sound_s"] == pytest.approx(0.25)
    assert figures["latency_uncertainty_s"] == pytest.approx(0.45)
    assert figures["losses"] == 2
