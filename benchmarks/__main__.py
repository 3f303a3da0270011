"""Measure all parts, or some, and print the page: `python -m benchmarks --data recordings/`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import click

from benchmarks.report import results
from benchmarks.report.circumstances import circumstances
from benchmarks.report.results import FOLDER, PARTS
from benchmarks.support.command_cost import ONE_THREAD

QUICK_PARTS = PARTS[: PARTS.index("accuracy")]  # need neither torch nor recordings nor a network connection
QUICK_FOLDER = FOLDER.parent / "build" / "bench-quick"


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--quick", is_flag=True, help="Take smaller measurements, in under three minutes.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of recordings with an index.tsv, for the parts that score recordings.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for results.json and RESULTS.md.  [default: benchmarks/; with --quick build/bench-quick/]",
)
@click.option(
    "--page-only", is_flag=True, help="Measure nothing; print the page and plots from results.json."
)
def main(parts: tuple[str, ...], quick: bool, data: Path | None, out: Path | None, page_only: bool) -> None:
    """Measure PARTS (default: all) and keep the stored results of the other parts.

    \b
    Example:
      python -m benchmarks --data recordings/
      python -m benchmarks latency live
      python -m benchmarks --quick
    """
    # numpy reads the number of threads when it loads. The user's configuration may name another model.
    os.environ.update(ONE_THREAD, BIRDEDGE_CONFIG=os.devnull)
    folder = out or (QUICK_FOLDER if quick else FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    if page_only:
        stored = results.read(folder)
        for name, result in stored.items():
            _plot(name, result["figures"], folder)
        results.write(stored, folder)
        return
    failed = [
        name for name in parts or (QUICK_PARTS if quick else PARTS) if not run_part(name, quick, data, folder)
    ]
    click.echo(f"Wrote {folder / 'RESULTS.md'}", err=True)
    if failed:
        raise click.ClickException(f"{', '.join(failed)} failed (see above); the other results are stored")


def run_part(name: str, quick: bool, data: Path | None, folder: Path) -> bool:
    """Measure a part and store its result at once.

    Args:
        name: One of `PARTS`.
        quick: Whether to take a smaller measurement.
        data: Folder of recordings, or None.
        folder: Folder of results.json and RESULTS.md.

    Returns:
        False if the part failed; its stored result is then unchanged.
    """
    command = (
        f"python -m benchmarks {name}{' --quick' if quick else ''}{' --data recordings/' if data else ''}"
    )
    click.echo(f"{name} ...", err=True)
    start_s = time.monotonic()
    result = circumstances(command)
    try:
        figures = result["figures"] = results.part(name).measure(quick, data)
        result["load_after"] = os.getloadavg()[0]
        stored = results.read(folder)
        earlier = stored.get(name, result)
        if "skipped" in figures:
            click.echo(f"{name} is skipped: {figures['skipped']}", err=True)
            # Earlier figures stay: their circumstances are stored with them.
            stored[name] = result if "skipped" in earlier["figures"] else earlier
        else:
            stored[name] = result
            _plot(name, figures, folder)
            click.echo(f"\n{results.part(name).section(figures)}")
        results.write(stored, folder)
    except Exception as error:  # any failure of one part must not stop the others
        click.echo(f"{name} failed: {_message(error)}", err=True)
        return False
    click.echo(f"{name}: {time.monotonic() - start_s:.0f} s", err=True)
    return True


def _plot(name: str, figures: results.Figures, folder: Path) -> None:
    try:
        results.plot(name, figures, folder)
    except ModuleNotFoundError as error:
        click.echo(
            f"{name}: no plot, because {error.name} is not installed; run: pip install 'birdedge[plot]'",
            err=True,
        )


def _message(error: Exception) -> str:
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        text = error.stderr if isinstance(error.stderr, str) else error.stderr.decode(errors="replace")
        message += f" ({text.strip().splitlines()[-1]})"
    return message


if __name__ == "__main__":
    sys.exit(main())
