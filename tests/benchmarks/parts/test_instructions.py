"""Tests of the instruction count: it is compared with the stored count if both depend on the same versions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.parts import instructions
from benchmarks.parts.instructions import dependencies, differences

COUNT = {"instructions_per_s": 80_000_000, "network_instructions_per_s": 44_000_000}


@pytest.fixture
def counted(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs the command with a given count by valgrind and a given stored count."""

    def command(*options: str, now: dict[str, Any], stored: dict[str, Any] | None = None) -> Result:
        monkeypatch.setattr(instructions, "FIGURES", tmp_path / "instructions.json")
        monkeypatch.setattr(instructions, "measure", lambda: {**dependencies(), **now})
        if stored is not None:
            text = json.dumps({**dependencies(), **stored})
            (tmp_path / "instructions.json").write_text(text, encoding="utf-8")
        return CliRunner().invoke(instructions.main, options)

    return command


def times(factor: float) -> dict[str, Any]:
    return {name: round(factor * count) for name, count in COUNT.items()}


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.05])
def test_a_count_up_to_5_percent_larger_passes(counted: Any, factor: float) -> None:
    outcome = counted("--check", now=times(factor), stored=COUNT)
    assert outcome.exit_code == 0
    assert f"| pipeline, samples to events | {80 * factor:.1f} |" in outcome.stdout
    assert outcome.stderr == ""


def test_a_larger_count_fails_with_a_message_that_states_both(counted: Any) -> None:
    outcome = counted("--check", now=times(1.06), stored=COUNT)
    assert outcome.exit_code == 1
    assert outcome.stderr == (
        "Error: the pipeline takes 84.8 million instructions per second of audio, 6.0 % more than the 80.0 million in "
        "instructions.json; at most 5 % more are allowed\n"
    )


@pytest.mark.parametrize("name", instructions.PINNED)
def test_a_count_for_another_model_or_package_must_be_updated(counted: Any, name: str) -> None:
    outcome = counted("--check", now=COUNT, stored={**COUNT, name: "other"})
    assert outcome.exit_code == 1
    assert f"the stored count is for {name} other (here {dependencies()[name]})" in outcome.stderr
    assert "python -m benchmarks.parts.instructions --update" in outcome.stderr
    assert outcome.stdout == ""


@pytest.mark.parametrize("name", instructions.PLATFORM)
def test_a_count_for_another_platform_is_not_compared(counted: Any, name: str) -> None:
    outcome = counted("--check", now=times(2.0), stored={**COUNT, name: "other"})
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith(
        f"Instruction counts are not compared: the stored count is for {name} other"
    )


def test_an_updated_count_is_compared_with_later_ones(counted: Any) -> None:
    assert counted("--update", now=times(2.0)).exit_code == 0
    assert counted("--check", now=times(2.0)).exit_code == 0
    assert counted("--check", now=times(2.2)).exit_code == 1


def test_without_valgrind_the_count_is_skipped_with_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "sudo apt install valgrind" in instructions.measure(quick=True)["skipped"]
    outcome = CliRunner().invoke(instructions.main, [])
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("Instructions are not counted: valgrind is not installed")


def test_a_pipeline_that_fails_is_an_error_with_its_last_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # A command in place of valgrind that runs the program but counts nothing.
    monkeypatch.setattr(instructions, "VALGRIND", ("env",))
    monkeypatch.setattr(instructions, "PROGRAM", "raise SystemExit('no such file')")
    monkeypatch.setattr("shutil.which", lambda _: "valgrind")
    outcome = CliRunner().invoke(instructions.main, [])
    assert outcome.exit_code == 1
    assert outcome.stderr == "Error: valgrind failed: no such file\n"


def test_the_stored_count_is_for_the_bundled_model() -> None:
    stored = json.loads(instructions.FIGURES.read_text(encoding="utf-8"))
    assert differences(dependencies(), stored, ("model_sha256",)) == ""
    assert 0 < stored["network_instructions_per_s"] < stored["instructions_per_s"]
