"""One page for each command, printed from its `--help`, and the list of all commands."""

from __future__ import annotations

import click

from benchmarks.report.markdown import markdown_table
from birdedge.cli import COMMANDS, birdedge

HELP_NAMES = ["-h", "--help"]
NEEDS = "needs the extra `{extra}`: `pip install 'birdedge[{extra}]'`"


def command_page(name: str) -> str:
    """Return the page of one command, with a section for each command of a group."""
    command = _command(name)
    lines = [f"# birdedge {name}", "", f"{_summary(command)}."]
    if extra := COMMANDS[name][1]:
        lines[-1] += f" It {NEEDS.format(extra=extra)}."
    lines += ["", *_help(f"birdedge {name}", command)]
    if isinstance(command, click.Group):
        for part in command.list_commands(click.Context(command)):
            lines += [
                f"## birdedge {name} {part}",
                "",
                *_help(f"birdedge {name} {part}", command.commands[part]),
            ]
    return "\n".join(lines).rstrip() + "\n"


def commands_page() -> str:
    """Return the list of all commands, each with a link to its page."""
    rows = [(f"[`birdedge {name}`]({name}.md)", _summary(_command(name))) for name in COMMANDS]
    return "\n".join(
        [
            "# Commands",
            "",
            "Each command prints its options and an example with `--help`; these pages are printed from that text. An "
            "error is one sentence on standard error, with exit code 1.",
            "",
            *markdown_table(("command", "what it does"), rows),
            "",
        ]
    )


def _command(name: str) -> click.Command:
    command = birdedge.get_command(click.Context(birdedge), name)
    assert command is not None
    return command


def _summary(command: click.Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split()).rstrip(".")


def _help(path: str, command: click.Command) -> list[str]:
    with click.Context(command, info_name=path, terminal_width=80, help_option_names=HELP_NAMES) as context:
        return ["```console", f"$ {path} --help", command.get_help(context), "```", ""]
