"""Processor instructions that listening costs, counted by valgrind: `python -m benchmarks.parts.instructions --check`.

Seconds depend on the machine and on what else it does; instructions under valgrind do not, for it shows every program
the same processor (on x86-64 one with AVX2), and the sound is made of integers. So a change that makes the pipeline
dearer is seen, however busy the machine is. instructions.json holds the count that `--check` compares with.
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

TITLE = "Instructions"
FIGURES = Path(__file__).with_suffix(".json")
MAX_GROWTH_PERCENT = 5
SHORT_S, LONG_S, NETWORK_CALLS = 2, 12, 100
PLATFORM = ("machine", "python")
PINNED = ("model_sha256", "numpy", "onnxruntime", "soxr")
VALGRIND = ("valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null")
# Of integers, lest the sound depend on a processor's sines: noise, and every second a call of a quarter second.
# All of it is made however much of it is pushed, so that it costs every run alike.
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

Figures = dict[str, Any]


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help=f"Fail where it is more than {MAX_GROWTH_PERCENT} % above the count kept.",
)
@click.option("--update", is_flag=True, help="Keep the count, to be compared with.")
def main(check: bool, update: bool) -> None:
    """Count the instructions of a second of sound, from samples to events, on one thread."""
    kept = json.loads(FIGURES.read_text(encoding="utf-8")) if check else {}
    if check:
        here = circumstances()
        if other := differences(here, kept, PLATFORM):
            click.echo(f"Instructions are not compared: those kept were counted with {other}", err=True)
            return
        if other := differences(here, kept, PINNED):
            raise click.ClickException(
                f"the instructions kept were counted with {other}: "
                "renew them with `python -m benchmarks.parts.instructions --update`"
            )
    try:
        figures = measure()
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"valgrind failed: {error.stderr.strip().splitlines()[-1]}") from error
    if "left_out" in figures:
        click.echo(f"Instructions are not counted: {figures['left_out']}", err=True)
        return
    click.echo(section(figures))
    if update:
        FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if check and (more := growth(figures, kept)):
        raise click.ClickException(more)


def measure(quick: bool = False, data: Path | None = None) -> Figures:  # noqa: ARG001 - every part is asked alike
    """Instructions a second of sound of the whole pipeline and of its network, and what they depend on.

    Raises:
        subprocess.CalledProcessError: the pipeline failed under valgrind.
    """
    if shutil.which("valgrind") is None:
        return {"left_out": "there is no valgrind; do: sudo apt install valgrind"}
    # Differences of whole runs, so that neither imports nor the opening of the model count.
    runs = [_start(SHORT_S, 0), _start(LONG_S, 0), _start(SHORT_S, NETWORK_CALLS)]
    start, longer, network = [_instructions(run) for run in runs]
    card = Model(DEFAULT_MODEL).card
    network_s = NETWORK_CALLS * card.chunk_frames * card.grid.hop_s
    return {
        "instructions_per_s": round((longer - start) / (LONG_S - SHORT_S)),
        "network_instructions_per_s": round((network - start) / network_s),
        **circumstances(),
    }


def circumstances() -> Figures:
    """What the count depends on besides birdedge's own code."""
    model = bundled_models()[DEFAULT_MODEL]
    return {
        "machine": platform.machine(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        **{name: version(name) for name in PINNED[1:]},
    }


def differences(here: Figures, kept: Figures, names: tuple[str, ...]) -> str:
    """What was otherwise when the kept count was made; empty where nothing was."""
    return ", ".join(f"{name} {kept[name]} (here {here[name]})" for name in names if kept[name] != here[name])


def growth(figures: Figures, kept: Figures) -> str:
    """A sentence where a count is larger than allowed; empty where it is not."""
    now, before = figures["instructions_per_s"], kept["instructions_per_s"]
    percent = 100 * (now - before) / before
    if percent <= MAX_GROWTH_PERCENT:
        return ""
    return (
        f"a second of sound takes {now / 1e6:.1f} million instructions, {percent:.1f} % more than the "
        f"{before / 1e6:.1f} million kept in {FIGURES.name}; at most {MAX_GROWTH_PERCENT} % more are allowed"
    )


def section(figures: Figures) -> str:
    """A table of the parts, and what was counted."""
    whole, network = figures["instructions_per_s"], figures["network_instructions_per_s"]
    parts = {"network": network, "all else": whole - network, "from samples to events": whole}
    rows = [(part, f"{count / 1e6:.1f}") for part, count in parts.items()]
    versions = ", ".join(f"{name} {figures[name]}" for name in (*PLATFORM, *PINNED[1:]))
    return "\n".join(
        [
            f"Instructions of `{DEFAULT_MODEL}` listening at 48 kHz, counted by valgrind, whose processor is the same "
            f"everywhere and has no VNNI ({versions}). More than {MAX_GROWTH_PERCENT} % above the count kept fail.",
            "",
            *markdown_table(("", "million a second of sound"), rows),
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
    _, said = run.communicate()
    counted = re.search(r"I\s+refs:\s+([\d,]+)", said)
    if run.returncode or counted is None:
        raise subprocess.CalledProcessError(run.returncode, run.args, stderr=said)
    return int(counted[1].replace(",", ""))


if __name__ == "__main__":
    main()
