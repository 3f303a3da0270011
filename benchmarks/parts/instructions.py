"""Processor instructions of the pipeline, counted by valgrind: `python -m benchmarks.parts.instructions --check`.

CPU seconds depend on the machine and its load. Instructions under valgrind do not: it presents the same processor to
every program (on x86-64 one with AVX2), and the audio is computed with integers. So a change that makes the pipeline
more expensive is detected on a busy machine too. `--check` compares with the count in instructions.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click

from benchmarks.report.markdown import markdown_table
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.segmenter import Segmenter

TITLE = "Instruction counts"
FIGURES = Path(__file__).with_suffix(".json")
MAX_GROWTH_PERCENT = 5
SHORT_S, LONG_S, NETWORK_CALLS = 2, 12, 100
PLATFORM = ("machine", "python")
PINNED = ("model_sha256", "numpy", "onnxruntime", "soxr")
VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
# Noise, and a call of a quarter second every second, of integers, because sines may differ between processors. All of
# it is generated however much of it is pushed, so that every run pays for it alike.
PROGRAM = f"""
import sys
import numpy as np
from {Model.__module__} import Model
from {Pipeline.__module__} import Pipeline
from {Segmenter.__module__} import Segmenter

pushed_s, calls = map(int, sys.argv[1:])
at = np.arange({LONG_S} * 48_000)
call = np.where(at // 6 % 2, 6000, -6000) * (at % 48_000 < 12_000)
samples = ((call + np.random.default_rng(0).integers(-300, 301, len(at))) / 32768).astype(np.float32)
model = Model({DEFAULT_MODEL!r})
pipeline, segmenter = Pipeline(model, 48_000, 1), Segmenter(model)
for begin in range(0, pushed_s * 48_000, 2400):
    pipeline.push(samples[begin : begin + 2400])
for _ in range(calls):
    segmenter.call()
"""

Figures = dict[
    str, Any
]  # instructions_per_s, network_instructions_per_s, and a value for each of PLATFORM and PINNED


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help=f"Fail if the count is more than {MAX_GROWTH_PERCENT} % above the stored one.",
)
@click.option("--update", is_flag=True, help="Store the count.")
def main(check: bool, update: bool) -> None:
    """Count the instructions per second of audio, from samples to events, on one thread.

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
        raise click.ClickException(f"valgrind failed: {error.stderr.strip().splitlines()[-1]}") from error
    if "skipped" in figures:
        click.echo(f"Instructions are not counted: {figures['skipped']}", err=True)
        return
    click.echo(section(figures))
    if update:
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if check and (message := growth(figures, stored)):
        raise click.ClickException(message)


def measure(quick: bool = False, data: Path | None = None) -> Figures:  # noqa: ARG001 - all parts have this signature
    """Count the instructions of the whole pipeline and of its network, per second of audio.

    Raises:
        subprocess.CalledProcessError: The pipeline failed under valgrind.
    """
    if shutil.which("valgrind") is None:
        return {"skipped": "valgrind is not installed; run: sudo apt install valgrind"}
    # Differences of whole runs exclude the imports and the loading of the model.
    runs = [_start(SHORT_S, 0), _start(LONG_S, 0), _start(SHORT_S, NETWORK_CALLS)]
    short, long, network = [_instructions(run) for run in runs]
    card = Model(DEFAULT_MODEL).card
    network_s = NETWORK_CALLS * card.chunk_frames * card.grid.hop_s
    return {
        "instructions_per_s": round((long - short) / (LONG_S - SHORT_S)),
        "network_instructions_per_s": round((network - short) / network_s),
        **dependencies(),
    }


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
    """Return the stored and the present values that differ, as text; empty if none does."""
    return ", ".join(
        f"{name} {stored[name]} (here {here[name]})" for name in names if stored[name] != here[name]
    )


def growth(figures: Figures, stored: Figures) -> str:
    """Return an error message if the count is too large, else an empty string."""
    now, before = figures["instructions_per_s"], stored["instructions_per_s"]
    percent = 100 * (now - before) / before
    if percent <= MAX_GROWTH_PERCENT:
        return ""
    return (
        f"the pipeline takes {now / 1e6:.1f} million instructions per second of audio, {percent:.1f} % more than the "
        f"{before / 1e6:.1f} million in {FIGURES.name}; at most {MAX_GROWTH_PERCENT} % more are allowed"
    )


def section(figures: Figures) -> str:
    """Return a table of the counts, and what they depend on."""
    whole, network = figures["instructions_per_s"], figures["network_instructions_per_s"]
    stages = {"network": network, "other stages": whole - network, "pipeline, samples to events": whole}
    rows = [(stage, f"{count / 1e6:.1f}") for stage, count in stages.items()]
    versions = ", ".join(f"{name} {figures[name]}" for name in (*PLATFORM, *PINNED[1:]))
    return "\n".join(
        [
            f"Instructions of `{DEFAULT_MODEL}` listening at 48 kHz, counted by valgrind, which emulates the same "
            f"processor everywhere, without VNNI ({versions}). The check fails if a count is more than "
            f"{MAX_GROWTH_PERCENT} % above the stored one.",
            "",
            *markdown_table(("", "million per second of audio"), rows),
        ]
    )


def _start(pushed_s: int, calls: int) -> subprocess.Popen[str]:
    pinned = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    return subprocess.Popen(
        [*VALGRIND, sys.executable, "-c", PROGRAM, str(pushed_s), str(calls)],
        cwd=FIGURES.parents[2],
        env={**os.environ, **pinned},
        stderr=subprocess.PIPE,
        text=True,
    )


def _instructions(run: subprocess.Popen[str]) -> int:
    _, errors = run.communicate()
    counted = re.search(r"I\s+refs:\s+([\d,]+)", errors)
    if run.returncode or counted is None:
        raise subprocess.CalledProcessError(run.returncode, run.args, stderr=errors)
    return int(counted[1].replace(",", ""))


if __name__ == "__main__":
    main()
