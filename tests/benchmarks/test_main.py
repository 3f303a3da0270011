"""Tests of `python -m benchmarks`: each part's result is stored and printed, even if another part fails."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import QUICK_PARTS, main, run_part
from benchmarks.report import results
from benchmarks.report.results import PARTS
from benchmarks.report.targets import Target


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Fake parts by name, in place of the real ones; each measures the value 1."""
    modules = {
        name: SimpleNamespace(
            TITLE=f"Title of {name}",
            measure=lambda quick, data: {"value": 1, "quick": quick, "data": str(data)},
            section=lambda figures: f"The value is {figures['value']}.",
        )
        for name in PARTS
    }
    monkeypatch.setattr(results, "part", modules.__getitem__)
    return modules


def test_a_part_that_fails_keeps_its_earlier_figures_and_the_other_parts_are_measured(
    parts: dict[str, Any], tmp_path: Path
) -> None:
    assert CliRunner().invoke(main, ["cost", "live", "--out", str(tmp_path)]).exit_code == 0

    def fail(*_: Any) -> None:
        raise RuntimeError("the loudspeaker is gone")

    parts["cost"].measure = fail
    parts["live"].measure = lambda *_: {"value": 2}
    outcome = CliRunner().invoke(main, ["cost", "live", "--out", str(tmp_path)])
    assert outcome.exit_code == 1
    assert "cost failed: RuntimeError: the loudspeaker is gone" in outcome.output
    assert "Traceback" not in outcome.output
    stored = results.read(tmp_path)
    assert {name: stored[name]["figures"]["value"] for name in stored} == {"cost": 1, "live": 2}
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert (
        page.index("## Title of cost\n")
        < page.index("The value is 1.")
        < page.index("## Title of live\n")
        < page.index("The value is 2.")
    )


def test_an_interruption_loses_no_finished_part(parts: dict[str, Any], tmp_path: Path) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    parts["live"].measure = interrupt
    outcome = CliRunner().invoke(main, ["cost", "live", "scaling", "--out", str(tmp_path)])
    assert outcome.exit_code == 1
    assert list(results.read(tmp_path)) == ["cost"]
    assert "The value is 1." in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")


def test_a_skipped_part_states_its_reason_and_replaces_no_figures(
    parts: dict[str, Any], tmp_path: Path
) -> None:
    parts["peers"].measure = lambda *_: {"skipped": "there is no network"}
    assert run_part("peers", False, None, tmp_path)
    assert "Skipped: there is no network." in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    parts["peers"].measure = lambda *_: {"value": 3}
    assert run_part("peers", False, None, tmp_path)
    parts["peers"].measure = lambda *_: {"skipped": "there is no network"}
    assert run_part("peers", False, None, tmp_path)
    assert results.read(tmp_path)["peers"]["figures"] == {"value": 3}


@pytest.mark.usefixtures("parts")
def test_a_result_states_where_when_and_how_it_was_measured(tmp_path: Path) -> None:
    outcome = CliRunner().invoke(
        main, ["cost", "--quick", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    )
    assert outcome.exit_code == 0, outcome.output
    result = results.read(tmp_path / "out")["cost"]
    assert result["command"] == "python -m benchmarks cost --quick --data recordings/"
    assert result["figures"] == {"value": 1, "quick": True, "data": str(tmp_path)}
    line = results.where_and_when(result)
    for text in (result["date"], result["commit"], "numpy ", "onnxruntime ", "cores", "load average"):
        assert text in line


@pytest.mark.usefixtures("parts")
def test_a_quick_run_measures_the_parts_that_a_recorder_can_run_and_names_the_others(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["--quick", "--out", str(tmp_path)]).exit_code == 0
    assert tuple(results.read(tmp_path)) == QUICK_PARTS
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    for name in set(PARTS) - set(QUICK_PARTS):
        assert f"`python -m benchmarks {name}`" in page


def test_targets_are_marked_as_reached_or_not(parts: dict[str, Any], tmp_path: Path) -> None:
    parts["cost"].targets = lambda figures: [
        Target("start-up", "at most 1 s", f"{figures['value']} s", True),
        Target("errors", "none", "1", False),
    ]
    assert run_part("cost", True, None, tmp_path)
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| start-up | at most 1 s | 1 s | yes |\n| errors | none | 1 | **no** |" in page


def test_an_unknown_part_is_an_error_that_names_the_known_ones() -> None:
    outcome = CliRunner().invoke(main, ["owls"])
    assert outcome.exit_code == 2
    assert "'owls' is not one of" in outcome.output
