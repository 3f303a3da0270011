"""The count of instructions is compared with the one kept, where the two can be compared."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.parts import instructions
from benchmarks.parts.instructions import circumstances, differences

COUNT = {"instructions_per_s": 80_000_000, "network_instructions_per_s": 44_000_000}


@pytest.fixture
def counted(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command where valgrind would count so much, beside what is kept."""

    def command(*options: str, now: dict[str, Any], kept: dict[str, Any] | None = None) -> Result:
        monkeypatch.setattr(instructions, "FIGURES", tmp_path / "instructions.json")
        monkeypatch.setattr(instructions, "measure", lambda: {**circumstances(), **now})
        if kept is not None:
            text = json.dumps({**circumstances(), **kept})
            (tmp_path / "instructions.json").write_text(text, encoding="utf-8")
        return CliRunner().invoke(instructions.main, options)

    return command


def times(factor: float) -> dict[str, Any]:
    return {name: round(factor * count) for name, count in COUNT.items()}


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.05])
def test_a_count_up_to_5_percent_larger_passes(counted: Any, factor: float) -> None:
    done = counted("--check", now=times(factor), kept=COUNT)
    assert done.exit_code == 0
    assert f"| from samples to events | {80 * factor:.1f} |" in done.stdout
    assert done.stderr == ""


def test_a_larger_count_fails_in_a_sentence_with_both(counted: Any) -> None:
    done = counted("--check", now=times(1.06), kept=COUNT)
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: a second of sound takes 84.8 million instructions, 6.0 % more than the 80.0 million kept in "
        "instructions.json; at most 5 % more are allowed\n"
    )


@pytest.mark.parametrize("name", instructions.PINNED)
def test_a_count_of_another_model_or_package_must_be_renewed(counted: Any, name: str) -> None:
    done = counted("--check", now=COUNT, kept={**COUNT, name: "other"})
    assert done.exit_code == 1
    assert f"counted with {name} other (here {circumstances()[name]})" in done.stderr
    assert "python -m benchmarks.parts.instructions --update" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", instructions.PLATFORM)
def test_a_count_of_another_platform_is_not_compared(counted: Any, name: str) -> None:
    done = counted("--check", now=times(2.0), kept={**COUNT, name: "other"})
    assert done.exit_code == 0
    assert done.stderr.startswith(f"Instructions are not compared: those kept were counted with {name} other")


def test_what_is_kept_is_compared_with_from_then_on(counted: Any) -> None:
    assert counted("--update", now=times(2.0)).exit_code == 0
    assert counted("--check", now=times(2.0)).exit_code == 0
    assert counted("--check", now=times(2.2)).exit_code == 1


def test_without_valgrind_that_is_said_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "sudo apt install valgrind" in instructions.measure(quick=True)["left_out"]
    done = CliRunner().invoke(instructions.main, [])
    assert done.exit_code == 0
    assert done.stderr.startswith("Instructions are not counted: there is no valgrind")


def test_a_pipeline_that_fails_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    # In the place of valgrind, a command that runs the program but counts nothing.
    monkeypatch.setattr(instructions, "VALGRIND", ("env",))
    monkeypatch.setattr(instructions, "PROGRAM", "raise SystemExit('no such sound')")
    monkeypatch.setattr("shutil.which", lambda _: "valgrind")
    done = CliRunner().invoke(instructions.main, [])
    assert done.exit_code == 1
    assert done.stderr == "Error: valgrind failed: no such sound\n"


def test_the_count_kept_is_of_the_bundled_model() -> None:
    kept = json.loads(instructions.FIGURES.read_text(encoding="utf-8"))
    assert differences(circumstances(), kept, ("model_sha256",)) == ""
    assert 0 < kept["network_instructions_per_s"] < kept["instructions_per_s"]
