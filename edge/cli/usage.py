"""Command-line errors as sentences: what was given, what is allowed, what to do."""

from __future__ import annotations

import re
import sys

import click


def usage_sentence(error: click.ClickException) -> str:
    """Return the message of click in the style of birdedge's own errors."""
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    command = ctx.command_path if ctx else " ".join(["birdedge", *sys.argv[1:2]])
    look = f"`{command} --help` shows what is allowed"
    sentence = message = error.format_message()
    match error:
        case click.NoSuchOption(option_name=name, possibilities=near):
            hint = f"did you mean {' or '.join(sorted(near))}?" if near else look
            sentence = f"there is no option {name}; {hint}"
        case click.BadOptionUsage(option_name=name) if "requires" in message:
            sentence = f"{name} was given without a value; {look}"
        case click.MissingParameter(param=click.Parameter() as param):
            sentence = f"{_name(param)} is missing; {look}"
        case click.BadParameter(param=click.Parameter() as param):
            sentence = _problem(_name(param), param, error.message)
        case _ if found := re.match(r"No such command '?(.*?)'?\.", message):
            sentence = f"there is no command {found[1]!r}; {_commands(ctx)}"
        case _ if message.startswith("Missing command"):
            sentence = f"`{command}` needs a command; {_commands(ctx)}"
        case _ if found := re.match(r"Got unexpected extra arguments? \((.*)\)", message):
            sentence = (
                f"{found[1]!r} is more than `{command}` takes; leave it out, or quote a name with spaces"
            )
    return sentence


def _problem(name: str, param: click.Parameter, message: str) -> str:
    """Return what is wrong with the value of a parameter, and what is allowed."""
    kind = param.type
    given = re.match(r"'?(.*?)'? is not (?:one of|in the range|a valid)", message)
    value = given[1] if given else "?"
    if isinstance(kind, click.Choice):
        return f"{name} is {value!r}; give one of {', '.join(map(str, kind.choices))}"
    if isinstance(kind, click.IntRange | click.FloatRange) and "in the range" in message:
        low, high = kind.min, kind.max
        bounds = [
            f"{bound:g} or {word}" for bound, word in ((low, "more"), (high, "less")) if bound is not None
        ]
        return f"{name} is {value}; give {' and '.join(bounds)}"
    if given and "a valid" in message:
        return f"{name} is {value!r}; give a {'whole number' if 'integer' in message else 'number'}"
    if path := re.match(r"\w+ '(.*)' is a (file|directory)\.", message):
        is_file = path[2] == "file"
        return f"{name}: {path[1]} is a {'file' if is_file else 'folder'}; give a {'folder' if is_file else 'file'}"
    if path := re.match(r"\w+ '(.*)' is not (readable|writable)\.", message):
        return f"{name}: {path[1]} is not {path[2]}; give another path, or change its permissions"
    return f"{name}: {message}"


def _name(param: click.Parameter) -> str:
    """Return the name as the user writes it: `--jobs`, or `FILES`."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or param.human_readable_name).strip("[].").removesuffix("]...").upper()


def _commands(ctx: click.Context | None) -> str:
    names = ctx.command.list_commands(ctx) if ctx and isinstance(ctx.command, click.Group) else []
    return f"use one of {', '.join(names)}"
