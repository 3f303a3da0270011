"""Tests of the soak's pages."""

from __future__ import annotations

from pathlib import Path

import benchmarks.studies.soak_page
from benchmarks.studies.soak_figures import SoakFigures
from benchmarks.studies.soak_page import listen_page, segment_page
from benchmarks.support.long_recording import LongRecordingFigures
from benchmarks.support.process_samples import ProcessFigures

PAGE = Path(benchmarks.studies.soak_page.__file__).with_name("SOAK.md")
PROCESS: ProcessFigures = {
    "resident_first_bytes": 103_100_000,
    "resident_last_bytes": 104_000_000,
    "max_resident_bytes": 105_100_000,
    "resident_slope_bytes_per_h": 790_000.0,
    "cpu_s_per_s": 0.0294,
    "mean_load": 4.4,
    "max_load": 12.4,
}
COMMITTED: SoakFigures = {
    **PROCESS,
    "heard_s": 3600.0,
    "expected_s": 3600.0,
    "continuity": 1.0,
    "gaps": [],
    "clock_s": 3557.0,
    "clock_minus_audio_s": -0.0658,
    "overflows": 0,
    "losses": 0,
    "events": 1309,
    "lines": 1309,
    "latency_p50_s": 0.334,
    "latency_p95_s": 0.417,
    "latency_p99_s": 0.449,
    "max_latency_s": 0.525,
    "latency_uncertainty_s": 0.34,
    "max_backlog_s": 0.256,
}


def without_circumstances(page: str) -> list[str]:
    """Return the lines of a page, except the one with the date, the machine and the versions."""
    return [line for line in page.splitlines() if not line.startswith("`python -m")]


def test_the_committed_page_has_the_text_that_the_program_prints() -> None:
    committed = PAGE.read_text(encoding="utf-8")
    assert without_circumstances(committed) == without_circumstances(listen_page(COMMITTED, 60))


def test_gaps_are_listed_with_cause_and_length() -> None:
    page = listen_page({**COMMITTED, "gaps": [("too slow", 1.5), ("device lost", 2.0)]}, 60)
    assert "| gaps | too slow, 1.500 s; device lost, 2.000 s |" in page


def test_the_page_for_a_file_states_its_speed() -> None:
    figures: LongRecordingFigures = {**PROCESS, "audio_s": 60.0, "times_real_time": 147.3, "events": 21}
    page = segment_page(figures, 1)
    assert "`python -m benchmarks.studies.soak --minutes 1 --fast`" in page
    assert "| audio | 60 s |\n| times real time, with start-up | 147 |\n| events | 21 |" in page
