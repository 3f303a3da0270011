"""`python -m benchmarks.peers`: measure this part alone and print its section."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from benchmarks.peers import TITLE, measure, plot, section
from birdedge.edge.errors import BirdedgeError


@click.command()
@click.option("--quick", is_flag=True, help="Costs alone, 2 rounds on a minute of sound.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Recordings with an index.tsv, to compare what is heard in them.",
)
@click.option("--json", "as_json", is_flag=True, help="Every figure, for scripts.")
@click.option(
    "--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="A PNG of the costs."
)
def main(quick: bool, data: Path | None, as_json: bool, picture: Path | None) -> None:
    """Measure birdedge beside what people would use instead; fills .venv-peers/ with 2 GB the first time."""
    os.environ["BIRDEDGE_CONFIG"] = os.devnull  # the user's own choice of a model is not measured
    try:
        figures = measure(quick, data)
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error
    if "left_out" in figures:
        raise click.ClickException(figures["left_out"])
    if picture is not None:
        plot(figures, picture)
    click.echo(json.dumps(figures) if as_json else f"## {TITLE}\n\n{section(figures)}")


if __name__ == "__main__":
    main()
