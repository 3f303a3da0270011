"""`birdedge config`: write and check the recorder's configuration."""

from __future__ import annotations

from pathlib import Path

import click

from birdedge.edge.system.stdout import print_line

file_argument = click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))


@click.group(no_args_is_help=False)
def config() -> None:
    """Write or check the recorder's configuration.

    \b
    Example:
      birdedge config init
      birdedge config check
    """


@config.command()
@file_argument
def init(file: Path | None) -> None:
    """Write a commented configuration.

    Its comments show every key and its default.

    \b
    Example:
      birdedge config init
      birdedge config init /etc/birdedge/config.toml
    """
    from birdedge.edge.recorder.config import default_config_path, write_template

    path = file or default_config_path()
    write_template(path)
    print_line(str(path))


@config.command()
@file_argument
def check(file: Path | None) -> None:
    """Check a configuration.

    Checks keys and values, the model file, and the location if the schedule follows the sun.

    \b
    Example:
      birdedge config check
      birdedge config check /etc/birdedge/config.toml
    """
    from birdedge.edge.models.checked_model import check_model
    from birdedge.edge.recorder.config import default_config_path, read_config
    from birdedge.edge.recorder.schedule import Schedule

    settings = read_config(file)
    check_model(settings.model)
    Schedule(settings.schedule, settings.latitude_deg, settings.longitude_deg)
    print_line(f"{file or default_config_path()}: OK")
