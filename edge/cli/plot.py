"""`birdedge plot`: draw a recording."""

from __future__ import annotations

from pathlib import Path

import click

from birdedge.edge.cli.options import archive_model_option, channel_option, force_option, min_score_option
from birdedge.edge.system.stdout import print_line


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="PNG file to write.  [default: name of FILE with .png]",
)
@click.option("--start", "start_s", type=float, default=0.0, show_default=True, help="Start in seconds.")
@click.option(
    "--duration", "duration_s", type=float, default=120.0, show_default=True, help="Length in seconds."
)
@click.option("--rejected", is_flag=True, help="Also draw rejected regions, in grey with the reason.")
@force_option
@min_score_option
@channel_option
@archive_model_option
def plot(
    file: Path,
    output: Path | None,
    start_s: float,
    duration_s: float,
    rejected: bool,
    force: bool,
    min_score: float | None,
    channel: int | None,
    model: str,
) -> None:
    """Draw a recording with its mask and events.

    \b
    Example:
      birdedge plot dawn.wav --start 60 --duration 30
      birdedge plot dawn.wav --rejected
    """
    from birdedge.edge.archive.excerpt import segment_excerpt
    from birdedge.edge.models.model import Model
    from birdedge.edge.plots.figure import draw
    from birdedge.edge.system.atomic_file import refuse_existing

    output = output or Path(f"{file.stem}.png")
    if not force:
        refuse_existing([output])
    opened = Model(model)
    opened.set_min_score(min_score)
    excerpt = segment_excerpt(opened, file, start_s, duration_s, channel)
    draw(
        output,
        excerpt.level,
        excerpt.mask,
        excerpt.events,
        opened.card.grid,
        opened.card.threshold,
        file.name,
        excerpt.first_frame,
        excerpt.rejected if rejected else None,
        "replace" if force else "refuse",
    )
    for warning in excerpt.warnings:
        click.echo(f"Warning: {warning}", err=True)
    more = f", {len(excerpt.rejected)} rejected region(s)" if rejected else ""
    print_line(f"{output}: {len(excerpt.events)} event(s){more}")
