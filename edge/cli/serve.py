"""`birdedge serve`: show recorders in a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click


@click.command()
@click.argument(
    "folders", nargs=-1, required=True, metavar="DIR...", type=click.Path(path_type=Path, file_okay=False)
)
@click.option("--listen", metavar="HOST:PORT", help="Address of the dashboard.  [default: 127.0.0.1:8088]")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration in TOML.  [default: BIRDEDGE_CONFIG, else the user's]",
)
def serve(folders: tuple[Path, ...], listen: str | None, config: Path | None) -> None:
    """Show recorders in a browser.

    DIR is where a recorder writes (`birdedge listen --out DIR`), or a folder above several. The dashboard only reads
    there, in a process of its own, and needs no recorder that runs.

    \b
    Example:
      birdedge serve birds/
    """
    from birdedge.edge.companion.workers import running
    from birdedge.edge.recorder.config import read_config
    from birdedge.edge.system.stdout import print_line
    from birdedge.edge.web.server import serve as serve_web

    settings = read_config(config)
    web = settings.web if listen is None else replace(settings.web, listen=listen)
    print_line(f"http://{web.listen}{web.root_path}/")
    with running(folders, settings):
        serve_web(folders, web)
