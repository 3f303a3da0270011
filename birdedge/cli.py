"""The `birdedge` command, a group that imports each command when it is used."""

from __future__ import annotations

import difflib
import importlib
import io
import signal
import sys
from pathlib import Path

import click

from birdedge import __version__
from birdedge.edge.cli.usage import usage_sentence
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.system.printable import printable

COMMANDS = {  # command: its module, and the extra that it needs to run
    "listen": ("birdedge.edge.cli.listen", ""),
    "status": ("birdedge.edge.cli.status", ""),
    "serve": ("birdedge.edge.cli.serve", "web"),
    "mqtt": ("birdedge.edge.cli.mqtt", "mqtt"),
    "config": ("birdedge.edge.cli.config", ""),
    "service": ("birdedge.edge.cli.service", ""),
    "alert": ("birdedge.edge.cli.alert", ""),
    "doctor": ("birdedge.edge.cli.doctor", ""),
    "segment": ("birdedge.edge.cli.segment", ""),
    "archive": ("birdedge.edge.cli.archive", "archive"),
    "aoef": ("birdedge.edge.cli.aoef", ""),
    "plot": ("birdedge.edge.cli.plot", ""),
    "why": ("birdedge.edge.cli.why", ""),
    "devices": ("birdedge.edge.cli.devices", ""),
    "demo": ("birdedge.edge.cli.demo", ""),
    "models": ("birdedge.edge.cli.models", ""),
    "inspect": ("birdedge.edge.cli.inspect", ""),
    "verify": ("birdedge.edge.cli.verify", ""),
    "bench": ("birdedge.edge.cli.bench", ""),
    "completion": ("birdedge.edge.cli.completion", ""),
    "train": ("birdedge.train.cli", "train"),
    "evaluate": ("birdedge.train.evaluation.cli", "train"),
    "export": ("birdedge.export.cli", "export"),
}


class Commands(click.Group):
    """A group that imports a command by name; the modules of commands import heavy packages only when run."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; an unknown name is an error that suggests the nearest one."""
        if cmd_name not in COMMANDS:
            if ctx.resilient_parsing:  # during shell completion
                return None
            near = difflib.get_close_matches(cmd_name, COMMANDS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command {cmd_name!r}; {hint}")
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command


@click.group(
    cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="birdedge")
@click.pass_context
def birdedge(ctx: click.Context) -> None:
    """Mark bird sound in the spectrogram of a microphone, live and on small computers."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run a command; an error is one sentence on standard error and exit code 1."""
    # Act like Ctrl-C, so that incomplete files are deleted. Commands that run until they are stopped exit with 0 on a
    # signal, even before they install their own handlers.
    reason = 0 if sys.argv[1:2] in (["listen"], ["serve"]) else "stopped"
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # which nohup sets
            signal.signal(number, lambda *_: sys.exit(reason))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may be unable to show a character of a name
            stream.reconfigure(errors="backslashreplace")
    try:
        sys.exit(birdedge.main(prog_name="birdedge", standalone_mode=False))
    except click.ClickException as error:
        message = printable(usage_sentence(error))
    except BirdedgeError as error:
        message = printable(str(error))
    except ModuleNotFoundError as error:
        extra = next((COMMANDS[word][1] for word in sys.argv[1:] if word in COMMANDS), "")
        if not extra:
            raise
        message = f"this command needs {error.name}, which is not installed: pip install 'birdedge[{extra}]'"
    except OSError as error:
        message = printable(_path_problem(error))
    except MemoryError:
        message = "there is not enough memory for this; give less audio at once, or free memory"
    except (KeyboardInterrupt, click.Abort):
        message = "stopped"
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)


def _path_problem(error: OSError) -> str:
    """Return what is wrong with a path that was only inspected, such as one that is too long."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return "the current folder no longer exists; cd to another one"
    if error.filename is None:
        raise error
    return f"{error.filename} cannot be used ({error.strerror}); give another path"
