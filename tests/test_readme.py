"""README.md is short, and everything it shows exists."""

from __future__ import annotations

import ast

import pytest

from birdedge.cli import COMMANDS
from tests.support.markdown import ROOT, code_blocks, links, shell_commands, unknown_words

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")


def test_it_has_at_most_130_lines() -> None:
    assert len(TEXT.splitlines()) <= 130


def test_it_shows_a_picture_and_the_commands_that_make_it() -> None:
    assert "docs/images/demo.png" in links(TEXT)
    picture, command = TEXT.index("docs/images/demo.png"), TEXT.index("birdedge plot demo.wav")
    assert picture < command < TEXT.index("## Install")


@pytest.mark.parametrize(
    "way", ["pip install", "uv tool install", "pipx install", "make listen", "make test"]
)
def test_it_says_how_to_install(way: str) -> None:
    assert any(line.startswith(way) for block in code_blocks(TEXT, "sh") for line in block.splitlines())


def test_every_command_it_shows_exists_with_its_options() -> None:
    commands = shell_commands(TEXT)
    assert len(commands) >= 10
    assert [(words, unknown_words(words)) for words in commands if unknown_words(words)] == []


@pytest.mark.parametrize(
    "words", [["lisen"], ["listen", "--fats"], ["config", "chek"], ["service", "install", "--ot"]]
)
def test_an_unknown_command_or_option_is_detected(words: list[str]) -> None:
    assert unknown_words(words) == words[-1:]


def test_its_python_example_uses_public_names() -> None:
    (example,) = code_blocks(TEXT, "python")
    imports = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in imports] == ["birdedge.edge"]


def test_every_link_leads_to_a_file() -> None:
    for target in links(TEXT):
        assert (ROOT / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_page_linked_from_the_command_list(command: str) -> None:
    folder = ROOT / "docs" / "commands"
    assert f"{command}.md" in links((folder / "index.md").read_text(encoding="utf-8"))
    assert (folder / f"{command}.md").exists()
