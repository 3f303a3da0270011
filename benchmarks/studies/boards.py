"""Measure birdedge on a board, and print what was measured on boards.

`bash benchmarks/on_a_pi.sh` installs birdedge and runs `python -m benchmarks.studies.boards measure` on the board.
`python -m benchmarks.studies.boards add FILE` stores its file in boards/ and prints it in docs/benchmarks.md.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

import click

from benchmarks.parts import cost, latency_under_load
from benchmarks.parts.cost import ModelFigures
from benchmarks.parts.latency_under_load import LoadFigures
from benchmarks.parts.raspberry_pi import MODELS
from benchmarks.report.circumstances import ROOT, circumstances
from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import format_summary
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.system import board_health

FOLDER = Path(__file__).with_suffix("")
DEVICE_TREE = Path("/proc/device-tree/model")
CPU = Path("/sys/devices/system/cpu/cpu0/cpufreq")
NONE_MEASURED = "No Raspberry Pi has been measured yet. To measure yours: `bash benchmarks/on_a_pi.sh`."


class Health(TypedDict):
    """The state of the board at one time; a value that it does not report is None."""

    temperature_c: float | None
    clock_hz: float | None
    throttled: str | None  # the flags of `vcgencmd get_throttled`, hexadecimal


class BoardFigures(TypedDict):
    """What was measured on a board."""

    board: str | None  # its model
    memory_bytes: int
    governor: str | None
    max_clock_hz: float | None
    system: str
    circumstances: dict[str, Any]
    health: dict[str, Health]  # by the preceding step
    models: dict[str, ModelFigures]
    under_load: LoadFigures


@click.group()
def main() -> None:
    """Measure on a board, and print what was measured on boards."""


@main.command()
@click.option("--quick", is_flag=True, help="Try everything in seconds.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default="birdedge-on-a-pi.json")
def measure(quick: bool, file: Path) -> None:
    """Measure on this board and write FILE, to attach to an issue."""
    click.echo("Measuring; leave the board alone until the end ...", err=True)
    figures = figures_of_this_board(quick)
    file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    click.echo(f"Wrote {file}; please attach it to an issue of birdedge", err=True)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def add(file: Path) -> None:
    """Store FILE, which was measured on a board, and print it in docs/benchmarks.md."""
    try:
        figures = json.loads(file.read_text(encoding="utf-8"))
        boards_table([figures])
        board, date = figures["board"], figures["circumstances"]["date"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise click.ClickException(
            f"{file} was not written by benchmarks/on_a_pi.sh, or not completely ({type(error).__name__}: {error})"
        ) from error
    if board is None:
        raise click.ClickException(f"{file} does not name its board; measure on a board with a device tree")
    FOLDER.mkdir(exist_ok=True)
    name = re.sub("[^a-z0-9]+", "-", f"{board} {date}".lower())
    shutil.copyfile(file, FOLDER / f"{name}.json")
    subprocess.run([sys.executable, "-m", "docs.generate"], cwd=ROOT, check=True)


def figures_of_this_board(quick: bool) -> BoardFigures:
    """Measure the models, then the pipeline while all cores are busy.

    Raises:
        subprocess.CalledProcessError: `birdedge listen` failed.
    """
    models, minutes, repeats, chunks = ([DEFAULT_MODEL], 0.1, 1, 5) if quick else ([*MODELS], 1.0, 3, 200)
    result = circumstances("bash benchmarks/on_a_pi.sh" + (" --quick" if quick else ""))
    health = {"before": _health()}
    measured = cost.model_figures(models, minutes, repeats)
    health["one core busy"] = _health()
    under_load = latency_under_load.measure(chunks)
    health["all cores busy"] = _health()
    return {
        "board": _read(DEVICE_TREE),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "governor": _read(CPU / "scaling_governor"),
        "max_clock_hz": _hz(CPU / "cpuinfo_max_freq"),
        "system": f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}",
        "circumstances": {**result, "load_after": os.getloadavg()[0]},
        "health": health,
        "models": measured,
        "under_load": under_load,
    }


def stored_boards() -> list[BoardFigures]:
    """Return the stored files."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def boards_table(boards: list[BoardFigures]) -> str:
    """Return what was measured on boards as Markdown, or a sentence if nothing was."""
    if not boards:
        return f"{NONE_MEASURED}\n"
    head = (
        "measured on",
        "model",
        "CPU ms per second of audio: network",
        "whole pipeline",
        "`birdedge listen --fast`",
        "start-up s",
        "max resident MB",
    )
    rows = [
        (
            str(figures["board"]),
            f"`{name}`",
            *(format_summary(model["stages_cpu_s_per_s"][stage], 1e3) for stage in ("network", "pipeline")),
            format_summary(model["cpu_s_per_s"], 1e3),
            format_summary(model["start_s"]),
            f"{model['peak_bytes']['max'] / 1e6:.0f}",
        )
        for figures in boards
        for name, model in figures["models"].items()
    ]
    return "\n".join([*markdown_table(head, rows), "", *(_description(figures) for figures in boards), ""])


def _description(figures: BoardFigures) -> str:
    load, result = figures["under_load"], figures["circumstances"]
    clock = f", at most {figures['max_clock_hz'] / 1e9:g} GHz" if figures["max_clock_hz"] else ""
    health = "; ".join(f"{when}: {_state(state)}" for when, state in figures["health"].items())
    versions = ", ".join(f"{package} {number}" for package, number in result["versions"].items())
    return (
        f"- {figures['board']}, {figures['memory_bytes'] / 1e9:.1f} GB of memory{clock}, governor "
        f"{figures['governor'] or 'not reported'}. A chunk of {1e3 * load['chunk_s']:.0f} ms takes "
        f"{1e3 * load['unloaded']['p99']:.1f} ms (99th percentile), and {1e3 * load['loaded']['p99']:.1f} ms while all "
        f"cores are busy. {health[0].upper()}{health[1:]}. (`{result['command']}`, {result['date']}, commit "
        f"{result['commit']}; {figures['system']}; {versions}; load average {result['load_before']:.1f} before and "
        f"{result['load_after']:.1f} after)"
    )


def _state(health: Health) -> str:
    temperature_c, clock_hz, throttled = health["temperature_c"], health["clock_hz"], health["throttled"]
    return ", ".join(
        (
            "temperature not reported" if temperature_c is None else f"{temperature_c:.0f} degrees Celsius",
            *(() if clock_hz is None else (f"{clock_hz / 1e9:.1f} GHz",)),
            "throttling not reported" if throttled is None else f"throttling flags {throttled}",
        )
    )


def _health() -> Health:
    return {
        "temperature_c": board_health.temperature_c(),
        "clock_hz": _hz(CPU / "scaling_cur_freq"),
        "throttled": _throttled(),
    }


def _throttled() -> str | None:
    """Return the flags that the firmware reports, including past ones, or None."""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["vcgencmd", "get_throttled"]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout
        return printed.strip().removeprefix("throttled=")
    flags = _read(board_health.THROTTLED)
    return flags and f"0x{flags}"


def _hz(path: Path) -> float | None:
    khz = _read(path)
    return 1e3 * float(khz) if khz else None


def _read(path: Path) -> str | None:
    with suppress(OSError):
        return path.read_text(encoding="utf-8").strip("\0 \n") or None
    return None


if __name__ == "__main__":
    main()
