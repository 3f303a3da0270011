"""Measure everything, or the parts named, and print the page: `python -m benchmarks --data recordings/`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from benchmarks.report import results
from benchmarks.report.results import FOLDER, ONE_THREAD, PARTS

QUICK_PARTS = PARTS[: PARTS.index("accuracy")]  # need no torch, no recordings, nothing to fetch
QUICK_FOLDER = FOLDER.parent / "build" / "bench-quick"


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--quick", is_flag=True, help="Less of each, in under three minutes, into another folder.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Recordings with an index.tsv, for what is scored on them.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where results.json and RESULTS.md lie.  [default: benchmarks/; with --quick build/bench-quick/]",
)
@click.option("--page-only", is_flag=True, help="Measure nothing; print the page from results.json again.")
def main(parts: tuple[str, ...], quick: bool, data: Path | None, out: Path | None, page_only: bool) -> None:
    """Measure PARTS, or all of them, and keep what earlier runs measured of the others.

    \b
    Example:
      python -m benchmarks --data recordings/
      python -m benchmarks latency live
      python -m benchmarks --quick
    """
    # Before numpy reads it; and the user's own choice of a model is not the benchmark's business.
    os.environ.update(ONE_THREAD, BIRDEDGE_CONFIG=os.devnull)
    folder = out or (QUICK_FOLDER if quick else FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    if page_only:
        found = results.read(folder)
        for name, result in found.items():
            _plot(name, result["figures"], folder)
        results.write(found, folder)
        return
    failed = [
        name for name in parts or (QUICK_PARTS if quick else PARTS) if not run(name, quick, data, folder)
    ]
    click.echo(f"{folder / 'RESULTS.md'} is written", err=True)
    if failed:
        raise click.ClickException(f"{', '.join(failed)} failed, see above; the other parts are kept")


def run(name: str, quick: bool, data: Path | None, folder: Path) -> bool:
    """Measures a part and keeps what it gave, at once; whether it could. What failed leaves the rest as it was."""
    command = (
        f"python -m benchmarks {name}{' --quick' if quick else ''}{' --data recordings/' if data else ''}"
    )
    click.echo(f"{name} ...", err=True)
    began_s = time.monotonic()
    result = results.circumstances(command)
    try:
        figures = result["figures"] = results.part(name).measure(quick, data)
        result["load_after"] = os.getloadavg()[0]
        found = results.read(folder)
        earlier = found.get(name, result)
        if "left_out" in figures:
            click.echo(f"{name} is left out: {figures['left_out']}", err=True)
            # Earlier figures stay: they say themselves where they come from.
            found[name] = result if "left_out" in earlier["figures"] else earlier
        else:
            found[name] = result
            _plot(name, figures, folder)
            click.echo(f"\n{results.part(name).section(figures)}")
        results.write(found, folder)
    except Exception as error:  # whatever befell a part, the others are measured
        click.echo(f"{name} failed: {_sentence(error)}", err=True)
        return False
    click.echo(f"{name}: {time.monotonic() - began_s:.0f} s", err=True)
    return True


def _plot(name: str, figures: results.Figures, folder: Path) -> None:
    try:
        results.plot(name, figures, folder)
    except ModuleNotFoundError as error:
        click.echo(f"{name}: no plot, for want of {error.name}: pip install 'birdedge[plot]'", err=True)


def _sentence(error: Exception) -> str:
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        text = error.stderr if isinstance(error.stderr, str) else error.stderr.decode(errors="replace")
        said += f" ({text.strip().splitlines()[-1]})"
    return said


if __name__ == "__main__":
    sys.exit(main())
