"""`birdedge demo`: write the demo soundscape."""

from __future__ import annotations

from pathlib import Path

import click

from birdedge.edge.cli.options import force_option
from birdedge.edge.synthesis import DEMO_S, DEMO_SEED
from birdedge.edge.system.stdout import print_line


@click.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--duration", "duration_s", type=float, default=DEMO_S, show_default=True, help="Length in seconds."
)
@click.option("--seed", type=int, default=DEMO_SEED, show_default=True, help="Random seed.")
@click.option(
    "--calls", "calls_per_minute", type=float, default=20.0, show_default=True, help="Bird calls per minute."
)
@force_option
def demo(output: Path, duration_s: float, seed: int, calls_per_minute: float, force: bool) -> None:
    """Write the demo soundscape to a WAV file.

    Its true events are written to a file with the same name and .truth.csv.

    \b
    Example:
      birdedge demo demo.wav
    """
    from birdedge.edge.synthesis.demo import write_demo

    calls = write_demo(output, duration_s, seed, calls_per_minute, force)
    print_line(f"{output}: {duration_s:g} s, {calls} call(s)")
