"""`birdedge status`: show the status of a recorder."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from birdedge.edge.system.stdout import print_line


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(folder: Path, as_json: bool) -> None:
    """Show the status of a recorder.

    FOLDER is where it writes (`birdedge listen --out FOLDER`). The exit code is 0 if the recorder is recording, or
    paused by its schedule, and needs no attention; otherwise 1.

    \b
    Example:
      birdedge status today/
    """
    from birdedge.edge.monitoring.status import read_status, status_page

    found = read_status(folder, time.time())
    if as_json:
        print_line(json.dumps({**asdict(found), "healthy": found.healthy}, ensure_ascii=False))
    else:
        print_line(*status_page(found).split("\n"))
    sys.exit(0 if found.healthy else 1)
