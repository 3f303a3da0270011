"""The study of archives measures commands that work, and its page says what was not measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.studies.archives import archives_table, memory, tables


def test_the_memory_of_each_step_is_measured(tmp_path: Path) -> None:
    row = memory(tmp_path, 20)
    assert row["files"] == 20
    assert all(row[step]["peak_bytes"] > 50e6 for step in ("plan", "run", "status"))
    assert list(tmp_path.iterdir()) == []


def test_tables_are_made_from_synthetic_parts(tmp_path: Path) -> None:
    made = tables(tmp_path, 2)
    assert made["events"] == 500
    assert made["bytes"]["raven"] / made["events"] == pytest.approx(130, abs=30)
    assert 20 < made["bytes"]["events"] / made["events"] < 100


def test_the_page_is_printed_from_the_stored_figures() -> None:
    text = archives_table()
    assert "the same bytes" in text
    assert "DIFFERENT" not in text
    assert "Extrapolated, 20 TB" in text
    assert "None of this was measured" in text
