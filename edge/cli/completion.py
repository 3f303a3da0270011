"""`birdedge completion`: complete commands and options in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from birdedge.edge.system.stdout import print_line


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Example:
      birdedge completion bash > ~/.local/share/bash-completion/completions/birdedge
      birdedge completion zsh > ~/.zfunc/_birdedge
      birdedge completion fish > ~/.config/fish/completions/birdedge.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(ctx.find_root().command, {}, "birdedge", "_BIRDEDGE_COMPLETE")
    # Not source(), which runs bash to check its version.
    print_line(*(script.source_template % script.source_vars()).splitlines())
