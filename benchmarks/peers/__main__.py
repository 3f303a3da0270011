"""Measure the comparison with other tools alone and print its section: `python -m benchmarks.peers`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from benchmarks.peers import TITLE, measure, plot, section
from birdedge.edge.errors import BirdedgeError


@click.command()
@click.option("--quick", is_flag=True, help="Measure only costs, in 2 rounds on one minute of audio.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of recordings with an index.tsv, to compare the detections.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option(
    "--plot",
    "plot_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a plot of the costs to this PNG.",
)
def main(quick: bool, data: Path | None, as_json: bool, plot_path: Path | None) -> None:
    """Compare birdedge with other tools.

    The first run downloads 2 GB of packages into .venv-peers/.

    \b
    Example:
      python -m benchmarks.peers --quick
      python -m benchmarks.peers --data recordings/
    """
    os.environ["BIRDEDGE_CONFIG"] = os.devnull  # the user's configuration may name another model
    try:
        figures = measure(quick, data)
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error
    if "skipped" in figures:
        raise click.ClickException(figures["skipped"])
    if plot_path is not None:
        plot(figures, plot_path)
    click.echo(json.dumps(figures) if as_json else f"## {TITLE}\n\n{section(figures)}")


if __name__ == "__main__":
    main()
