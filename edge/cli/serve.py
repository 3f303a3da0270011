"""`birdedge serve`: show recorders in a browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click


@click.command()
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    metavar="DIR...|token",
    type=click.Path(file_okay=False),
)
@click.option("--listen", metavar="HOST:PORT", help="Address of the dashboard.  [default: 127.0.0.1:8088]")
@click.option("--root-path", metavar="PATH", help="Path prefix that a proxy does not strip, such as /birds.")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration in TOML.  [default: BIRDEDGE_CONFIG, else the user's]",
)
def serve(folders: tuple[str, ...], listen: str | None, root_path: str | None, config: Path | None) -> None:
    """Show recorders in a browser.

    DIR is the folder of a recorder (`birdedge listen --out DIR`), or a folder that contains several. The dashboard runs
    in its own process and only reads from DIR.

    `birdedge serve token` creates the token that browsers log in with, and prints it once; a file next to the
    configuration stores its hash. Without a token, the dashboard is available only on this machine.

    \b
    Example:
      birdedge serve birds/
      birdedge serve token
      birdedge serve birds/ --listen 0.0.0.0:8088
    """
    from birdedge.edge.integrations.web_token import new_token, read_token_digest, token_path
    from birdedge.edge.recorder.config import default_config_path, read_config
    from birdedge.edge.system.stdout import print_line

    token_file = token_path(config or default_config_path())
    if folders == ("token",):  # a folder of this name is ./token
        print_line(new_token(token_file))
        click.echo(
            f"its hash is in {token_file}; start the dashboard again, and log in with the token", err=True
        )
        return

    from birdedge.edge.companion.workers import running
    from birdedge.edge.system.log import start_log
    from birdedge.edge.system.malloc import return_freed_memory
    from birdedge.edge.web.server import serve as serve_web

    settings = read_config(config)
    web = settings.web
    if listen is not None:
        web = replace(web, listen=listen)
    if root_path is not None:
        web = replace(web, root_path=root_path)
    start_log()
    place = None
    if settings.latitude_deg is not None and settings.longitude_deg is not None:
        place = (settings.latitude_deg, settings.longitude_deg)
    return_freed_memory()
    paths = tuple(map(Path, folders))
    with running(paths, settings):
        serve_web(paths, web, read_token_digest(token_file), print_line, place, config)
