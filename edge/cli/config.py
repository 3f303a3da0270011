"""`birdedge config`: write, check and show the recorder's configuration."""

from __future__ import annotations

import json
from pathlib import Path

import click

from birdedge.edge.cli.options import force_option
from birdedge.edge.recorder.systemd_unit import MEMORY_MAX_MB, SOURCE_MEMORY_MAX_MB, memory_max_mb
from birdedge.edge.system.stdout import print_line

file_argument = click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))


@click.group(no_args_is_help=False)
def config() -> None:
    """Write, check or show the recorder's configuration.

    \b
    Example:
      birdedge config init
      birdedge config check
    """


@config.command()
@file_argument
@force_option
def init(file: Path | None, force: bool) -> None:
    """Write a commented configuration.

    Its comments show every key and its default.

    \b
    Example:
      birdedge config init
      birdedge config init /etc/birdedge/config.toml
    """
    from birdedge.edge.recorder.config import default_config_path, write_template

    path = file or default_config_path()
    write_template(path, force)
    print_line(str(path))


@config.command()
@file_argument
@click.option(
    "--memory-max",
    "limit_mb",
    type=click.IntRange(min=1),
    help=f"Memory in MB that the recorder may use: MemoryMax= of its service.  [default: {MEMORY_MAX_MB}, plus "
    f"{SOURCE_MEMORY_MAX_MB} for each further source]",
)
def check(file: Path | None, limit_mb: int | None) -> None:
    """Check a configuration.

    Checks keys and values, the model file, the location if the schedule follows the sun, that the schedule opens, and
    the maximum memory of the recorder. Prints when the schedule opens next.

    \b
    Example:
      birdedge config check
      birdedge config check /etc/birdedge/config.toml
    """
    from birdedge.edge.models.checked_model import check_model
    from birdedge.edge.recorder.config import default_config_path, read_config
    from birdedge.edge.recorder.memory import check_memory
    from birdedge.edge.recorder.schedule import Schedule, ScheduleSettings
    from birdedge.edge.system.clock import read_clocks

    settings = read_config(file)
    card = check_model(settings.model).card
    schedule = Schedule(settings.schedule, settings.latitude_deg, settings.longitude_deg)
    now_s = read_clocks().utc_s
    schedule.require_opening(now_s)
    needed_mb = check_memory(settings, card, limit_mb or memory_max_mb(len(settings.source)))
    print_line(f"{file or default_config_path()}: OK, up to {needed_mb:.0f} MB of memory")
    if settings.schedule != ScheduleSettings():
        print_line(f"schedule: {schedule.outlook(now_s)}")


@config.command()
@file_argument
def show(file: Path | None) -> None:
    """Print all values, and where each comes from.

    Options of `birdedge listen` take precedence over them.

    \b
    Example:
      birdedge config show
      birdedge config show /etc/birdedge/config.toml
    """
    from birdedge.edge.recorder.config_page import config_lines

    for line in list(config_lines(file)):
        print_line(line)


@config.command()
def schema() -> None:
    """Print the JSON Schema of the configuration.

    Editors that support TOML schemas use it to complete and check keys.

    \b
    Example:
      birdedge config schema > config.schema.json
    """
    from birdedge.edge.recorder.config_page import config_schema

    print_line(*json.dumps(config_schema(), indent=2, ensure_ascii=False).splitlines())
