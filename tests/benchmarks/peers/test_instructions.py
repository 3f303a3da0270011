"""Tests of the count of instructions by valgrind."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks.peers import instructions
from benchmarks.peers.costs import BIRDNET, FILE, LIGHT, LIVE, SMALL


def test_more_work_takes_more_instructions() -> None:
    loop = "i=0; while [ $i -lt {} ]; do i=$((i+1)); done"
    start, once, twice = (
        instructions.instructions(["sh", "-c", loop.format(count)]) for count in (0, 1000, 2000)
    )
    assert once - start == pytest.approx(twice - once, rel=0.02)
    assert once - start > 100_000


def test_a_program_that_fails_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        instructions.instructions(["sh", "-c", "exit 3"])


def test_counts_are_per_second_of_the_difference_in_length_of_two_recordings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def length_s(worker: list[str]) -> int:
        return round(Path(worker[3]).stat().st_size / (2 * 48_000))

    monkeypatch.setattr(
        instructions, "instructions", lambda worker: 7_000_000 + 30_000_000 * length_s(worker)
    )
    figures = instructions.measure_instructions({})
    assert "skipped" not in figures
    assert set(figures["instructions_per_s"]) == {FILE, LIGHT, SMALL, LIVE}  # no environment of another tool
    assert BIRDNET not in figures["instructions_per_s"]
    assert figures["instructions_per_s"][FILE] == pytest.approx(30e6)


def test_without_valgrind_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "apt install valgrind" in str(instructions.measure_instructions({}))
