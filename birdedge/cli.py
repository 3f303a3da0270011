"""The `birdedge` command: a group whose commands are loaded when they are asked for."""

from __future__ import annotations

import difflib
import importlib
import signal
import sys

import click

from birdedge import __version__
from birdedge.edge.errors import BirdedgeError

COMMANDS = {  # command: its module, and the extra it needs to run (not to be listed)
    "listen": ("birdedge.edge.cli.listen", ""),
    "status": ("birdedge.edge.cli.recorder", ""),
    "config": ("birdedge.edge.cli.recorder", ""),
    "service": ("birdedge.edge.cli.service", ""),
    "doctor": ("birdedge.edge.cli.doctor", ""),
    "segment": ("birdedge.edge.cli.commands", ""),
    "plot": ("birdedge.edge.cli.commands", ""),
    "devices": ("birdedge.edge.cli.commands", ""),
    "demo": ("birdedge.edge.cli.commands", ""),
    "models": ("birdedge.edge.cli.models", ""),
    "inspect": ("birdedge.edge.cli.models", ""),
    "verify": ("birdedge.edge.cli.models", ""),
    "bench": ("birdedge.edge.cli.models", ""),
    "train": ("birdedge.train.cli", "train"),
    "evaluate": ("birdedge.train.evaluation.cli", "train"),
    "export": ("birdedge.export.cli", "export"),
}


class Commands(click.Group):
    """Knows its commands by name; their modules are light, and import what is heavy when they run."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
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
    """Marks which time-frequency bins of a microphone's spectrogram hold bird sound, live and on small computers."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Entry point: an error is one sentence on standard error and exit code 1."""
    # As Ctrl-C does, so that what is half-written is taken away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        sys.exit(birdedge.main(standalone_mode=False))
    except click.ClickException as error:
        message = error.format_message()
    except BirdedgeError as error:
        message = str(error)
    except ModuleNotFoundError as error:
        extra = next((COMMANDS[word][1] for word in sys.argv[1:] if word in COMMANDS), "")
        if not extra:
            raise
        message = f"this command needs {error.name}, which is not installed: pip install 'birdedge[{extra}]'"
    except (KeyboardInterrupt, click.Abort):
        message = "stopped"
    click.echo(f"Error: {message}", err=True)
    sys.exit(1)
