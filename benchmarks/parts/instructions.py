"""Processor instructions of the pipeline, counted by valgrind: `python -m benchmarks.parts.instructions --check`.

CPU seconds depend on the machine and its load. Instructions under valgrind do not: it presents the same processor to
every program (on x86-64 one with AVX2), and the audio is computed with integers. So a change that makes the pipeline
more expensive is detected even on a busy machine. `--check` compares each stage with its count in instructions.json.
"""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from benchmarks.parts.stage_costs import by_stage
from benchmarks.report.markdown import markdown_table
from benchmarks.support import valgrind
from benchmarks.support.counted_stages import COUNTED_S
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models

TITLE = "Instruction counts"
FIGURES = Path(__file__).with_suffix(".json")
MAX_GROWTH_PERCENT = 3
MIN_GROWTH = 0.05e6  # instructions per second of audio; a smaller change of a small stage is noise
WHOLE, REST = "pipeline", "rest"
PLATFORM = ("machine", "python")
PINNED = ("model_sha256", "numpy", "onnxruntime", "soxr")
PROGRAM = ("-m", "benchmarks.support.counted_stages")

Figures = dict[str, Any]  # instructions_per_s by stage, and a value for each of PLATFORM and PINNED


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help=f"Fail if the count of a stage is more than {MAX_GROWTH_PERCENT} % above the stored one.",
)
@click.option("--update", is_flag=True, help="Store the counts.")
def main(check: bool, update: bool) -> None:
    """Count the instructions per second of audio of each stage, from samples to events, on one thread.

    \b
    Example:
      python -m benchmarks.parts.instructions --check
    """
    stored = json.loads(FIGURES.read_text(encoding="utf-8")) if check else {}
    if check:
        here = dependencies()
        if other := differences(here, stored, PLATFORM):
            click.echo(f"Instruction counts are not compared: the stored count is for {other}", err=True)
            return
        if other := differences(here, stored, PINNED):
            raise click.ClickException(
                f"the stored count is for {other}; run: python -m benchmarks.parts.instructions --update"
            )
    try:
        figures = measure()
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()]
        raise click.ClickException(f"valgrind failed: {lines[-1]}") from error
    if "skipped" in figures:
        click.echo(f"Instructions are not counted: {figures['skipped']}", err=True)
        return
    click.echo(section(figures))
    if update:
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if check and (message := growth(figures, stored)):
        raise click.ClickException(message)


def measure(quick: bool = False, data: Path | None = None) -> Figures:  # noqa: ARG001 - all parts have this signature
    """Count the instructions per second of audio of each stage, of the whole pipeline, and of the rest between stages.

    Raises:
        subprocess.CalledProcessError: The pipeline failed under valgrind.
    """
    if reason := valgrind.unavailable():
        return {"skipped": reason}
    printed, counts = valgrind.count_instructions([sys.executable, *PROGRAM])
    measured = {}
    for line in printed.splitlines():
        idle, busy, stage = line.split(" ", 2)
        measured[stage] = (counts[busy] - counts[idle]) / COUNTED_S
    stages = {stage: round(count) for stage, count in by_stage(measured).items()}
    whole = stages.pop(WHOLE)
    rest = whole - sum(stages.values())
    return {"instructions_per_s": {**stages, REST: rest, WHOLE: whole}, **dependencies()}


def dependencies() -> Figures:
    """Return what the count depends on, except the code of birdedge."""
    model = bundled_models()[DEFAULT_MODEL]
    return {
        "machine": platform.machine(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        **{name: version(name) for name in PINNED[1:]},
    }


def differences(here: Figures, stored: Figures, names: tuple[str, ...]) -> str:
    """Return the stored and the current values that differ, as text; empty if none differs."""
    return ", ".join(
        f"{name} {stored[name]} (here {here[name]})" for name in names if stored[name] != here[name]
    )


def growth(figures: Figures, stored: Figures) -> str:
    """Return an error message with every stage whose count is too large; empty if none is."""
    before = stored["instructions_per_s"]
    grown = [
        f"{stage} from {before.get(stage, 0) / 1e6:.2f} to {now / 1e6:.2f} million"
        + (f" (+{100 * (now / before[stage] - 1):.1f} %)" if before.get(stage, 0) > 0 else "")
        for stage, now in figures["instructions_per_s"].items()
        if now - before.get(stage, 0) > max(MIN_GROWTH, MAX_GROWTH_PERCENT / 100 * before.get(stage, 0))
    ]
    if not grown:
        return ""
    return (
        f"instructions per second of audio rose by more than {MAX_GROWTH_PERCENT} % above {FIGURES.name}: "
        f"{'; '.join(grown)}; make that stage cheaper, or run: python -m benchmarks.parts.instructions --update"
    )


def section(figures: Figures) -> str:
    """Return a table of the counts, and what they depend on."""
    rows = [(stage, f"{count / 1e6:.2f}") for stage, count in figures["instructions_per_s"].items()]
    versions = ", ".join(f"{name} {figures[name]}" for name in (*PLATFORM, *PINNED[1:]))
    return "\n".join(
        [
            f"Instructions of `{DEFAULT_MODEL}` listening at 48 kHz in blocks of 50 ms, counted by valgrind, which "
            f"emulates the same processor, without VNNI, on every machine ({versions}). Each stage is counted alone; "
            "`rest` is the code that connects the stages. The check fails and names the stage if its count is more "
            f"than {MAX_GROWTH_PERCENT} % above the stored one.",
            "",
            *markdown_table(("stage", "million per second of audio"), rows),
        ]
    )


if __name__ == "__main__":
    main()
