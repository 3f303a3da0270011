"""`birdedge service`: install, status, remove."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from birdedge.edge.recorder import systemd_service as systemd
from birdedge.edge.recorder.systemd_unit import CONFIG, DATA_DIR, UNIT, unit_text
from birdedge.edge.system.stdout import print_line

unit_dir_option = click.option(
    "--unit-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=systemd.UNIT_DIR,
    show_default=True,
    help="Where systemd looks for units.",
)


@click.group()
def service() -> None:
    """Let systemd start birdedge at each boot, watch it, and start it again.

    \b
    Example:
      sudo birdedge service install --out /mnt/usb/birds
      birdedge service status
    """


@service.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=CONFIG,
    show_default=True,
    help="The configuration, in TOML; made if it is not there.",
)
@click.option(
    "--out",
    "data_dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=DATA_DIR,
    show_default=True,
    help="The folder for what is heard, the only one that the service may write.",
)
@click.option(
    "--user", default="birdedge", show_default=True, help="Whom it runs as; made if it is not there."
)
@click.option(
    "--executable",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The `birdedge` to run.  [default: this one]",
)
@click.option("--print", "only_print", is_flag=True, help="Print the unit, and change nothing.")
@unit_dir_option
def install(
    config: Path, data_dir: Path, user: str, executable: Path | None, only_print: bool, unit_dir: Path
) -> None:
    """Install the service and start it. Run again, it takes new options.

    \b
    Example:
      sudo birdedge service install --out /mnt/usb/birds
      birdedge service install --print > birdedge.service
    """
    # Not resolve(): a link may be how the path stays the same when what it leads to is replaced.
    paths = ((executable or _this_executable()).absolute(), config.absolute(), data_dir.absolute())
    if only_print:
        print_line(unit_text(*paths, user).rstrip("\n"))
        return
    systemd.install(*paths, user, unit_dir)
    print_line(f"{UNIT}: listens as user {user}, writes to {paths[2]}")
    print_line(f"to follow it: journalctl -fu {UNIT}")
    print_line(f"to read what it writes without sudo: sudo usermod -aG {user} NAME")


@service.command()
def status() -> None:
    """Print the state in one line. The exit code is 0 only where it runs.

    \b
    Example:
      birdedge service status
    """
    runs, line = systemd.status()
    print_line(line)
    sys.exit(0 if runs else 1)


@service.command()
@unit_dir_option
def remove(unit_dir: Path) -> None:
    """Stop the service and remove it. What it heard stays.

    \b
    Example:
      sudo birdedge service remove
    """
    data_dir = systemd.remove(unit_dir)
    print_line(f"{UNIT}: removed; the data stay in {data_dir}")


def _this_executable() -> Path:
    """The command that runs, also where it runs as `python -m birdedge`."""
    script = Path(sys.argv[0])
    return script if script.name == "birdedge" else Path(sys.executable).with_name("birdedge")
