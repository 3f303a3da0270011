"""`birdedge why`: explain what was reported and what was not."""

from __future__ import annotations

import math
from pathlib import Path

import click

from birdedge.edge.cli.options import archive_model_option, channel_option, min_score_option
from birdedge.edge.errors import SettingsError
from birdedge.edge.system.stdout import print_line

NEAR_S = 0.5


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--start", "start_s", type=float, help="Start in seconds.  [default: 0]")
@click.option("--duration", "duration_s", type=float, help="Length in seconds.  [default: to the end]")
@click.option("--at", "at_s", type=float, help="Print only regions within half a second of this second.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Lines.")
@min_score_option
@channel_option
@archive_model_option
def why(
    file: Path,
    start_s: float | None,
    duration_s: float | None,
    at_s: float | None,
    as_json: bool,
    min_score: float | None,
    channel: int | None,
    model: str,
) -> None:
    """Explain why sounds in a recording were reported or not.

    A region of the mask is a candidate for an event. Each one is printed in time order: onset, offset, frequency band,
    score (the probability of a bird), the most probable class of sound with its probability, the share of the last 10,
    30 and 60 seconds in which its band was busy, the number of similar regions in the last minute, and the decision. If
    there is no region, the highest probability of the mask is printed.

    \b
    Example:
      birdedge why dawn.wav
      birdedge why dawn.wav --at 73.5
    """
    if at_s is not None:
        if start_s is not None or duration_s is not None:
            raise SettingsError("--at was given with --start or --duration; leave out one of them")
        if not 0 <= at_s < math.inf:
            raise SettingsError(f"--at is {at_s}; give a time in seconds from the start of the recording")
        start_s = max(0.0, at_s - NEAR_S)
        duration_s = at_s + NEAR_S - start_s
    from birdedge.edge.archive.decision import decision, without_region
    from birdedge.edge.archive.excerpt import judged_regions
    from birdedge.edge.formats import region_table
    from birdedge.edge.formats.jsonl import region_json
    from birdedge.edge.models.model import Model

    opened = Model(model)
    opened.set_min_score(min_score)
    settings = opened.card.events
    found = judged_regions(opened, file, start_s or 0.0, duration_s, channel)
    if found.regions and not as_json:
        print_line(region_table.header())
    for region in found.regions:
        text = decision(region, settings)
        if not print_line(region_json(region, file, text) if as_json else region_table.row(region, text)):
            return
    if not found.regions:
        click.echo(
            without_region(found.highest, found.highest_s, found.highest_hz, settings),
            err=as_json,
        )
    for warning in found.warnings:
        click.echo(f"Warning: {warning}", err=True)
    events = sum(not region.reason for region in found.regions)
    click.echo(
        f"{events} event(s) and {len(found.regions) - events} rejected region(s) in {found.duration_s:.1f} s of audio",
        err=True,
    )
