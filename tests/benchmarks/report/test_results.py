"""Tests of the committed results: the page and the plots follow from results.json."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.report import results
from benchmarks.report.results import FOLDER
from birdedge.edge.models.names import bundled_models

STORED = results.read()


def test_the_committed_page_matches_the_committed_results() -> None:
    assert (FOLDER / "RESULTS.md").read_text(encoding="utf-8") == results.page(STORED), (
        "run `python -m benchmarks --page-only`"
    )


@pytest.mark.parametrize("name", STORED)
def test_each_part_has_a_section_of_complete_tables(name: str) -> None:
    section = results.section(name, STORED[name])
    for table in re.findall(r"(?:^\|.*\n?)+", section, re.M):
        assert len({row.count(" | ") for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize("name", [name for name in STORED if hasattr(results.part(name), "plot")])
def test_each_plot_is_drawn_from_the_committed_results(name: str, tmp_path: Path) -> None:
    results.plot(name, STORED[name]["figures"], tmp_path)
    if "skipped" not in STORED[name]["figures"]:
        assert (tmp_path / "plots" / f"{name}.png").stat().st_size > 5000


def test_every_bundled_model_was_timed() -> None:
    assert set(bundled_models()) <= {row["model"] for row in STORED["latency"]["figures"]["rows"]}


def test_the_page_ends_with_the_committed_soak() -> None:
    soak = (FOLDER / "studies" / "SOAK.md").read_text(encoding="utf-8")
    assert results.page(STORED).endswith(f"#{soak}")
