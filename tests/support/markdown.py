"""Links, code blocks and commands in the Markdown files of the repository."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from birdedge.cli import birdedge

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "benchmarks").rglob("*.md"),
        ROOT / "train" / "EXPERIMENTS.md",
    ]
)
WRITTEN_PAGES = [
    path for path in PAGES if path.parent.name not in ("commands", "benchmarks", "studies", "train")
]


def code_blocks(text: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def prose(text: str) -> str:
    """Return a page without its code blocks and code spans."""
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


def links(text: str) -> list[str]:
    """Return the targets of the links and images of a page."""
    return re.findall(r"\]\(([^)\s]+)\)", prose(text))


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub and the site name them."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.M
    )
    return {
        re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings
    }


def shell_commands(text: str) -> list[list[str]]:
    """Return the commands of a page that call `birdedge`, in code blocks and code spans, as lists of words."""
    blocks = "\n".join(code_blocks(text, "sh")).replace("\\\n", " ").splitlines()
    spans = re.findall(r"`((?:sudo )?birdedge [^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    found = []
    for line in [*blocks, *spans]:
        for part in re.split(r"&&|\|", line):
            words = shlex.split(part, comments=True)
            if "birdedge" in words[:2]:
                found.append(words[words.index("birdedge") + 1 :])
    return found


def unknown_words(words: list[str]) -> list[str]:
    """Return the words of a `birdedge` call, its command or options, that do not exist."""
    group: click.Command = birdedge
    words = list(words)
    while isinstance(group, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name not in group.list_commands(click.Context(group)):
            return [name]
        command = group.get_command(click.Context(group), name)
        assert command is not None
        group = command
    known = {option for parameter in group.params for option in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"-", "-h", "--help"}
    return [word for word in words if word.startswith("-") and word not in known]
