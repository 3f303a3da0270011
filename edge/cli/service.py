"""`birdedge service`: run birdedge as a systemd service."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from birdedge.edge.recorder import companion_unit
from birdedge.edge.recorder import systemd_service as systemd
from birdedge.edge.recorder.systemd_unit import CONFIG, DATA_DIR, UNIT, unit_text
from birdedge.edge.system.stdout import print_line

unit_dir_option = click.option(
    "--unit-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=systemd.UNIT_DIR,
    show_default=True,
    help="Folder of the unit file.",
)

companion_option = click.option(
    "--companion", is_flag=True, help="Act on the companion, `birdedge serve`, instead of the recorder."
)


@click.group(no_args_is_help=False)
def service() -> None:
    """Run birdedge as a systemd service.

    The service starts at boot and is restarted if it fails or hangs.

    \b
    Example:
      sudo birdedge service install --out /mnt/usb/birds
      sudo birdedge service install --companion --out /mnt/usb/birds
      birdedge service status
    """


@service.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CONFIG,
    show_default=True,
    help="Configuration in TOML; created if missing.",
)
@click.option(
    "--out",
    "data_dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA_DIR,
    show_default=True,
    help="Data folder, the only one that the service may write to.",
)
@click.option(
    "--user", default="birdedge", show_default=True, help="User of the service; created if missing."
)
@click.option(
    "--executable",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The `birdedge` to run.  [default: this one]",
)
@click.option("--print", "only_print", is_flag=True, help="Print the unit file and change nothing.")
@companion_option
@unit_dir_option
def install(
    config: Path,
    data_dir: Path,
    user: str,
    executable: Path | None,
    only_print: bool,
    companion: bool,
    unit_dir: Path,
) -> None:
    """Install and start the service. Run it again to change its options.

    \b
    Example:
      sudo birdedge service install --out /mnt/usb/birds
      birdedge service install --print > birdedge.service
    """
    # Not resolve(): a link keeps the path stable when its target is replaced.
    paths = ((executable or _this_executable()).absolute(), config.absolute(), data_dir.absolute())
    if only_print:
        if companion:
            text = companion_unit.unit_text(*paths, user)
        else:
            text = unit_text(*paths, user, systemd.source_count(config))
        print_line(*text.splitlines())
        return
    systemd.install(*paths, user, unit_dir, companion=companion)
    name, task = _unit(companion), "shows" if companion else "writes to"
    print_line(f"{name}: runs as user {user} and {task} {paths[2]}")
    print_line(f"to follow its log: journalctl -fu {name}")
    print_line(f"to read its data without sudo: sudo usermod -aG {user} NAME")


@service.command()
@companion_option
def status(companion: bool) -> None:
    """Show the state of the service in one line. The exit code is 0 only if it is running.

    \b
    Example:
      birdedge service status
    """
    is_running, line = systemd.status(_unit(companion))
    print_line(line)
    sys.exit(0 if is_running else 1)


@service.command()
@companion_option
@unit_dir_option
def remove(companion: bool, unit_dir: Path) -> None:
    """Stop and remove the service. Its data are kept.

    \b
    Example:
      sudo birdedge service remove
    """
    name = _unit(companion)
    data_dir = systemd.remove(unit_dir, name)
    print_line(f"{name}: removed; the data in {data_dir} are kept")


def _unit(companion: bool) -> str:
    return companion_unit.UNIT if companion else UNIT


def _this_executable() -> Path:
    """Return the running command, even if it runs as `python -m birdedge`."""
    script = Path(sys.argv[0])
    return script if script.name == "birdedge" else Path(sys.executable).with_name("birdedge")
