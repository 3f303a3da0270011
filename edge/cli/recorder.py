"""`birdedge config` and `birdedge status`: what a recorder is told, and how it does."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from birdedge.edge.models.model import Model
from birdedge.edge.monitoring.status import read_status, status_page
from birdedge.edge.recorder.config import default_config_path, read_config, write_template
from birdedge.edge.recorder.schedule import Schedule
from birdedge.edge.system.stdout import print_line

config_argument = click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def config() -> None:
    """Write and check the recorder's configuration.

    \b
    Example:
      birdedge config init
      birdedge config check
    """


@config.command()
@config_argument
def init(file: Path | None) -> None:
    """Write a commented configuration in which all is default."""
    path = file or default_config_path()
    write_template(path)
    print_line(str(path))


@config.command()
@config_argument
def check(file: Path | None) -> None:
    """Say whether a configuration can be used: keys, values, model, and the place that the schedule needs."""
    settings = read_config(file)
    Model(settings.model)
    Schedule(settings.schedule, settings.latitude_deg, settings.longitude_deg)
    print_line(f"{file or default_config_path()} is well")


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="All of it as JSON.")
def status(folder: Path, as_json: bool) -> None:
    """Print how the recorder does that writes to FOLDER (`birdedge listen --out FOLDER`).

    The exit code is 0 where it listens or is paused by its schedule and nothing needs a person, else 1.

    \b
    Example:
      birdedge status today/
    """
    found = read_status(folder, time.time())
    print_line(
        json.dumps({**asdict(found), "healthy": found.healthy}, ensure_ascii=False)
        if as_json
        else status_page(found)
    )
    sys.exit(0 if found.healthy else 1)
