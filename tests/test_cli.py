"""The `birdedge` command lists its commands, and each has help with an example."""

from __future__ import annotations

from pathlib import Path

import pytest

from birdedge import __version__
from birdedge.cli import COMMANDS
from tests.support.commands import birdedge, command_words


def test_the_version_matches_the_package(tmp_path: Path) -> None:
    assert birdedge("--version", cwd=tmp_path)[0].strip().endswith(__version__)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_without_a_command_the_help_lists_all_commands(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    output, _ = birdedge(*arguments, cwd=tmp_path)
    assert all(f"\n  {command} " in output for command in COMMANDS)


@pytest.mark.parametrize("words", command_words(), ids=" ".join)
def test_the_help_of_each_command_shows_an_example(tmp_path: Path, words: tuple[str, ...]) -> None:
    output, _ = birdedge(*words, "--help", cwd=tmp_path)
    example = output.partition("Example:\n")[2].partition("\n\n")[0]
    assert f"birdedge {' '.join(words)}" in example
    options = [line for line in output.splitlines() if line.startswith(("  --", "  -"))]
    assert all(len(line.split()) > 1 for line in options)
