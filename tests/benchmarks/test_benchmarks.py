"""The benchmark: what its parts measure is kept and printed, whatever befalls the others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import QUICK_PARTS, main, run
from benchmarks.parts import accuracy, live
from benchmarks.parts import latency as steps
from benchmarks.parts import latency_under_load as busy
from benchmarks.report import results
from benchmarks.report.results import FOLDER, PARTS
from benchmarks.report.statistics import shown, spread
from benchmarks.support.virtual_microphone import missing_packages
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.pipeline.segmenter import Segmenter

KEPT = results.read()


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Parts in place of the real ones, by name: each measures 1, until a test has it otherwise."""
    modules = {
        name: SimpleNamespace(
            TITLE=f"Of {name}",
            measure=lambda quick, data: {"value": 1, "quick": quick, "data": str(data)},
            section=lambda figures: f"It is {figures['value']}.",
        )
        for name in PARTS
    }
    monkeypatch.setattr(results, "part", modules.__getitem__)
    return modules


def test_a_part_that_fails_leaves_the_others_and_its_own_earlier_figures(
    made_up: dict[str, Any], tmp_path: Path
) -> None:
    assert CliRunner().invoke(main, ["cost", "live", "--out", str(tmp_path)]).exit_code == 0

    def fail(*_: Any) -> None:
        raise RuntimeError("the loudspeaker is gone")

    made_up["cost"].measure = fail
    made_up["live"].measure = lambda *_: {"value": 2}
    done = CliRunner().invoke(main, ["cost", "live", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert "cost failed: RuntimeError: the loudspeaker is gone" in done.output
    assert "Traceback" not in done.output
    found = results.read(tmp_path)
    assert {name: found[name]["figures"]["value"] for name in found} == {"cost": 1, "live": 2}
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert (
        page.index("## Of cost\n")
        < page.index("It is 1.")
        < page.index("## Of live\n")
        < page.index("It is 2.")
    )


def test_an_interruption_loses_no_finished_part(made_up: dict[str, Any], tmp_path: Path) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    made_up["live"].measure = interrupt
    done = CliRunner().invoke(main, ["cost", "live", "scaling", "--out", str(tmp_path)])
    assert done.exit_code == 1
    assert list(results.read(tmp_path)) == ["cost"]
    assert "It is 1." in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")


def test_what_cannot_be_measured_here_is_said_and_replaces_no_figures(
    made_up: dict[str, Any], tmp_path: Path
) -> None:
    made_up["peers"].measure = lambda *_: {"left_out": "there is no network"}
    assert run("peers", False, None, tmp_path)
    assert "Left out: there is no network." in (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    made_up["peers"].measure = lambda *_: {"value": 3}
    assert run("peers", False, None, tmp_path)
    made_up["peers"].measure = lambda *_: {"left_out": "there is no network"}
    assert run("peers", False, None, tmp_path)
    assert results.read(tmp_path)["peers"]["figures"] == {"value": 3}


@pytest.mark.usefixtures("made_up")
def test_a_result_says_where_when_and_how_it_was_measured(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["cost", "--quick", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 0, done.output
    result = results.read(tmp_path / "out")["cost"]
    assert result["command"] == "python -m benchmarks cost --quick --data recordings/"
    assert result["figures"] == {"value": 1, "quick": True, "data": str(tmp_path)}
    line = results.where_and_when(result)
    for said in (result["date"], result["commit"], "numpy ", "onnxruntime ", "cores", "load of the machine"):
        assert said in line


@pytest.mark.usefixtures("made_up")
def test_a_quick_run_measures_what_a_recorder_can_and_names_the_rest(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["--quick", "--out", str(tmp_path)]).exit_code == 0
    assert tuple(results.read(tmp_path)) == QUICK_PARTS
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    for name in set(PARTS) - set(QUICK_PARTS):
        assert f"`python -m benchmarks {name}`" in page


def test_aims_are_marked_as_reached_or_not(made_up: dict[str, Any], tmp_path: Path) -> None:
    made_up["cost"].aims = lambda figures: [("1 at most", str(figures["value"]), True), ("0", "1", False)]
    assert run("cost", True, None, tmp_path)
    page = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "| 1 at most | 1 | yes |\n| 0 | 1 | **no** |" in page


def test_an_unknown_part_is_refused_in_a_sentence() -> None:
    done = CliRunner().invoke(main, ["owls"])
    assert done.exit_code == 2
    assert "'owls' is not one of" in done.output


def test_the_committed_page_is_that_of_the_committed_results() -> None:
    assert (FOLDER / "RESULTS.md").read_text(encoding="utf-8") == results.page(KEPT), (
        "run `python -m benchmarks --page-only`"
    )


@pytest.mark.parametrize("name", KEPT)
def test_each_part_has_a_section_of_whole_tables(name: str) -> None:
    section = results.section(name, KEPT[name])
    for table in re.findall(r"(?:^\|.*\n?)+", section, re.M):
        assert len({row.count(" | ") for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize("name", [name for name in KEPT if hasattr(results.part(name), "plot")])
def test_each_plot_is_drawn_from_the_committed_results(name: str, tmp_path: Path) -> None:
    results.plot(name, KEPT[name]["figures"], tmp_path)
    if "left_out" not in KEPT[name]["figures"]:
        assert (tmp_path / "plots" / f"{name}.png").stat().st_size > 5000


def test_a_turn_times_each_call_and_its_cpu_time() -> None:
    segmenter = Segmenter(steps.Model(DEFAULT_MODEL))
    calls_s, cpu_s = steps.turn(segmenter, 5)
    assert len(calls_s) == 5
    assert min(calls_s) > 1e-5
    assert 1e-4 < cpu_s < 5
    assert steps.calibration_s() > 1e-4


def test_steps_beside_busy_processes_are_timed() -> None:
    figures = busy.measure(4)
    for state in busy.STATES:
        assert 1e-4 < figures[state]["p50"] <= figures[state]["p99"] < 5
        assert figures[state]["count"] == 4


def test_a_delay_runs_to_the_first_arrival_and_a_late_one_is_none() -> None:
    assert live.delays_s([1.0, 3.0, 5.0], [1.2, 1.3, 3.4, 9.0]) == [0.2, 0.4]


@pytest.mark.skipif(bool(missing_packages()), reason=f"apt install {' '.join(missing_packages())}")
def test_chirps_from_the_loudspeaker_are_marked_and_become_events_soon_after() -> None:
    figures = live.heard(2)
    print(figures["to_mask_s"], figures["to_event_s"])
    assert figures["chirps"] == len(figures["to_mask_s"]) == len(figures["to_event_s"]) == 2
    # Not before the lookahead of 64 ms, nor before the pause of 100 ms that ends an event.
    assert min(figures["to_mask_s"]) > 0.064
    assert min(figures["to_event_s"]) > 0.1
    assert 30e6 < figures["resident_bytes"] < 200e6
    assert 0 < figures["cpu_s_per_s"] < 2


def test_the_best_at_their_cost_are_those_that_nothing_cheaper_beats() -> None:
    found = [("a", 1e6, 1, 0.5), ("b", 2e6, 1, 0.4), ("c", 3e6, 1, 0.6), ("d", 3e6, 1, 0.55)]
    assert [network[0] for network, best in accuracy.pareto(found) if best] == ["a", "c"]


def test_a_spread_is_shown_with_its_bounds() -> None:
    assert shown(spread([3.0, 1.0, 2.5]), 10) == "25.00 (10.00 to 30.00)"
    assert np.isclose(spread([1.0, 2.0])["median"], 1.5)
    assert json.loads(json.dumps(spread([1.0])))["most"] == 1.0


def test_every_bundled_model_was_timed() -> None:
    assert set(bundled_models()) <= {row["model"] for row in KEPT["latency"]["figures"]["rows"]}
