"""`birdedge status`: show the status of recorders."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import click

from birdedge.edge.system.stdout import print_line


@click.command()
@click.argument("folder", default=".", type=click.Path(path_type=Path, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--prometheus", is_flag=True, help="Print metrics for Prometheus.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --prometheus: replace this file, for node_exporter.",
)
def status(folder: Path, as_json: bool, prometheus: bool, output: Path | None) -> None:
    """Show the status of a recorder, and of each of its sources.

    FOLDER is the recorder's folder (`birdedge listen --out FOLDER`). The exit code is 0 if the recorder is recording,
    or paused by its schedule, and needs no attention; otherwise 1. With several sources, this must be true of each.

    With `--prometheus`, metrics are printed for every recorder in or below FOLDER, and the exit code is 0.

    \b
    Example:
      birdedge status today/
      birdedge status today/ --prometheus --output /var/lib/prometheus/node-exporter/birdedge.prom
    """
    if output is not None and not prometheus:
        raise click.UsageError("--output needs --prometheus")
    if as_json and prometheus:
        raise click.UsageError("give --json or --prometheus, not both")
    if prometheus:
        _write_metrics(folder, output)
        return
    from birdedge.edge.companion.folders import find_folders
    from birdedge.edge.errors import OutputError
    from birdedge.edge.monitoring.status import read_status, status_page, status_table

    sources = find_folders([folder])
    if len(sources) < 2:
        found = read_status(sources[0].path if sources else folder, time.time())
        healthy, table, page = found.healthy, status_table(found), status_page(found)
    else:
        healthy, tables, pages = True, {}, []
        for name, path in sources:
            try:
                found = read_status(path, time.time())
            except OutputError as error:  # the others can still be shown
                healthy, tables[name] = False, {"error": str(error)}
                pages.append(f"{name}: ! {error}")
                continue
            healthy &= found.healthy
            tables[name] = status_table(found)
            pages.append(f"{name}: {status_page(found)}")
        table, page = {"sources": tables, "healthy": healthy}, "\n\n".join(pages)
    if as_json:
        print_line(json.dumps(table, ensure_ascii=False))
    else:
        print_line(*page.split("\n"))
    sys.exit(0 if healthy else 1)


def _write_metrics(folder: Path, output: Path | None) -> None:
    """Print the metrics, or write them to a file that everyone may read."""
    from birdedge.edge.companion.folders import expected_folders
    from birdedge.edge.monitoring.metrics import metrics_text
    from birdedge.edge.system.atomic_file import replacing

    earlier = ""
    if output is not None:
        with suppress(OSError):
            earlier = output.read_text(encoding="utf-8", errors="replace")
    text = metrics_text(dict(expected_folders([folder])), time.time(), earlier)
    if output is None:
        print_line(*text.splitlines())
        return
    with replacing(output) as file:
        os.fchmod(file.fileno(), 0o644)  # node_exporter runs as another user
        file.write(text.encode())
