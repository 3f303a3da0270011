"""Tests of the instruction counts: each stage is compared with its stored count if both depend on the same versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from benchmarks.parts import instructions
from benchmarks.parts.instructions import dependencies, differences
from benchmarks.parts.stage_costs import by_stage, run_stages
from benchmarks.support import valgrind
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL

STAGES = {"spectrogram": 8_000_000, "events": 1_000_000, "rest": -20_000, "pipeline": 80_000_000}
COUNT = {"instructions_per_s": STAGES}


@pytest.fixture
def counted(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs the command with a given count from valgrind and a given stored count."""

    def command(*options: str, now: dict[str, Any], stored: dict[str, Any] | None = None) -> Result:
        monkeypatch.setattr(instructions, "FIGURES", tmp_path / "instructions.json")
        monkeypatch.setattr(instructions, "measure", lambda: {**dependencies(), **now})
        if stored is not None:
            text = json.dumps({**dependencies(), **stored})
            (tmp_path / "instructions.json").write_text(text, encoding="utf-8")
        return CliRunner().invoke(instructions.main, options)

    return command


def counts(**stages: float) -> dict[str, Any]:
    """The stored counts, multiplied by a factor for some stages."""
    return {
        "instructions_per_s": {name: round(stages.get(name, 1) * count) for name, count in STAGES.items()}
    }


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.03])
def test_counts_up_to_3_percent_larger_pass(counted: Any, factor: float) -> None:
    outcome = counted("--check", now=counts(spectrogram=factor, pipeline=factor), stored=COUNT)
    assert outcome.exit_code == 0
    assert f"| spectrogram | {8 * factor:.2f} |" in outcome.stdout
    assert outcome.stderr == ""


def test_a_larger_count_fails_with_a_message_that_names_the_stage(counted: Any) -> None:
    outcome = counted("--check", now=counts(spectrogram=1.04), stored=COUNT)
    assert outcome.exit_code == 1
    assert outcome.stderr == (
        "Error: instructions per second of audio rose by more than 3 % above instructions.json: spectrogram from 8.00 "
        "to 8.32 million (+4.0 %); make that stage cheaper, or run: python -m benchmarks.parts.instructions --update\n"
    )


def test_every_stage_that_grew_is_named_and_no_other(counted: Any) -> None:
    outcome = counted("--check", now=counts(events=1.1, pipeline=1.04), stored=COUNT)
    assert "events from 1.00 to 1.10 million (+10.0 %); pipeline from 80.00" in outcome.stderr
    assert "spectrogram" not in outcome.stderr


def test_a_small_stage_may_grow_by_the_noise_of_the_count(counted: Any) -> None:
    assert counted("--check", now=counts(events=1.04, rest=-1), stored=COUNT).exit_code == 0


def test_a_new_stage_must_be_stored(counted: Any) -> None:
    now = {"instructions_per_s": {**STAGES, "whitening": 1_000_000}}
    outcome = counted("--check", now=now, stored=COUNT)
    assert outcome.exit_code == 1
    assert "whitening from 0.00 to 1.00 million;" in outcome.stderr


def test_the_stored_stages_match_the_counted_stages() -> None:
    called: dict[str, int] = {}

    def count(stage: str, push: Callable[[Any], Any], pieces: Sequence[Any]) -> list[Any]:
        called[stage] = len(pieces)
        return [push(piece) for piece in pieces]

    samples = np.random.default_rng(0).normal(0, 0.01, 48_000).astype(np.float32)
    outputs = run_stages(Model(DEFAULT_MODEL), samples, 48_000, 2400, count)
    assert sum(map(len, (output.mask for output in outputs))) > 0
    assert by_stage(called).keys() == _stored()["instructions_per_s"].keys() - {"rest"}


@pytest.mark.parametrize("name", instructions.PINNED)
def test_a_count_for_another_model_or_package_must_be_updated(counted: Any, name: str) -> None:
    outcome = counted("--check", now=COUNT, stored={**COUNT, name: "other"})
    assert outcome.exit_code == 1
    assert f"the stored count is for {name} other (here {dependencies()[name]})" in outcome.stderr
    assert "python -m benchmarks.parts.instructions --update" in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize("name", instructions.PLATFORM)
def test_a_count_for_another_platform_is_not_compared(counted: Any, name: str) -> None:
    outcome = counted("--check", now=counts(events=2), stored={**COUNT, name: "other"})
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith(
        f"Instruction counts are not compared: the stored count is for {name} other"
    )


def test_an_updated_count_is_compared_with_later_ones(counted: Any) -> None:
    assert counted("--update", now=counts(events=2)).exit_code == 0
    assert counted("--check", now=counts(events=2)).exit_code == 0
    assert counted("--check", now=counts(events=2.2)).exit_code == 1


def test_without_valgrind_the_count_is_skipped_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "sudo apt install valgrind" in instructions.measure(quick=True)["skipped"]
    outcome = CliRunner().invoke(instructions.main, [])
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("Instructions are not counted: valgrind is not installed")


def test_a_pipeline_that_fails_is_an_error_with_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # A command in place of valgrind that runs the program but counts nothing.
    monkeypatch.setattr(valgrind, "COMMAND", ("env",))
    monkeypatch.setattr(instructions, "PROGRAM", ("-c", "raise SystemExit('no such file')"))
    monkeypatch.setattr("shutil.which", lambda _: "valgrind")
    outcome = CliRunner().invoke(instructions.main, [])
    assert outcome.exit_code == 1
    assert outcome.stderr == "Error: valgrind failed: no such file\n"


def test_the_stored_counts_are_for_the_bundled_model_and_add_up() -> None:
    stored = _stored()
    assert differences(dependencies(), stored, ("model_sha256",)) == ""
    *stages, whole = stored["instructions_per_s"].values()
    assert sum(stages) == whole
    # A stage of the pipeline that is not counted would be in the rest.
    assert abs(stored["instructions_per_s"]["rest"]) < 0.03 * whole


def _stored() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(instructions.FIGURES.read_text(encoding="utf-8"))
    return figures
