"""What listening costs in CPU time and memory, and where the time goes.

The real command runs on a recording of 48 kHz, on one thread, as fast as it goes. Its CPU time (user and system) less
that of a run on the first 3 s is divided by the difference in length, so that start-up is left out. All runs
alternate, so that noise of the machine meets each alike.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.parts.stage_costs import STAGES, stage_costs
from benchmarks.report.markdown import markdown_table
from benchmarks.report.results import ONE_THREAD
from benchmarks.report.statistics import shown, spread
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "Listening to a file: CPU time, memory, start"
SAMPLE_RATE_HZ = 48_000
SHORT_S = 3.0
SCENE_S = 60.0
MAX_START_S, MAX_RESIDENT_BYTES = 1.0, 110e6

Figures = dict[str, Any]


def measure(quick: bool, data: Path | None) -> Figures:  # noqa: ARG001 - every part is asked alike
    """Every bundled model that a microphone may use; when quick, the default alone, on a minute."""
    models = (
        [DEFAULT_MODEL] if quick else sorted(name for name in bundled_models() if not name.endswith("-256"))
    )
    minutes, repeats = (1.0, 3) if quick else (3.0, 5)
    figures = {
        name: {figure: spread(values) for figure, values in costs.items()}
        for name, costs in costs_of(models, minutes, repeats).items()
    }
    return {"minutes": minutes, "repeats": repeats, "models": figures}


def costs_of(models: list[str], minutes: float, repeats: int) -> dict[str, dict[str, list[float]]]:
    """By model and figure, its value in each repeat. CPU seconds are a second of sound.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    results: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in models}
    opened = {name: Model(name) for name in models}
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder) / "long.wav", Path(folder) / "short.wav"
        scene = soundscape(SCENE_S, sample_rate_hz=SAMPLE_RATE_HZ).samples
        # One minute over and over: to make an hour at once would take gigabytes.
        length_samples = round(60 * minutes * SAMPLE_RATE_HZ)
        soundfile.write(long, np.resize(scene, length_samples), SAMPLE_RATE_HZ, subtype="PCM_16")
        soundfile.write(short, scene[: round(SHORT_S * SAMPLE_RATE_HZ)], SAMPLE_RATE_HZ, subtype="PCM_16")
        for _ in range(repeats):
            for name, figures in results.items():
                command = [sys.executable, "-m", "birdedge", "listen", "--fast", "--json", "--model", name]
                whole, start = process_cost([*command, str(long)]), process_cost([*command, str(short)])
                sound_s = 60 * minutes - SHORT_S
                figures["cpu_s_per_s"].append((whole["cpu_s"] - start["cpu_s"]) / sound_s)
                figures["times_real_time"].append(sound_s / (whole["wall_s"] - start["wall_s"]))
                figures["peak_bytes"].append(whole["peak_bytes"])
                figures["start_s"].append(start["wall_s"])
                figures["start_cpu_s"].append(start["cpu_s"])
            for name, model in opened.items():
                for stage, cost in stage_costs(model, scene, SAMPLE_RATE_HZ).items():
                    results[name][f"{stage}, cpu_s_per_s"].append(cost)
    return results


def process_cost(command: list[str]) -> dict[str, float]:
    """See process_cost.py for the keys.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    launcher = [sys.executable, str(Path(__file__).parents[1] / "support" / "process_cost.py")]
    environment = {**os.environ, **ONE_THREAD}
    done = subprocess.run([*launcher, *command], env=environment, capture_output=True, text=True)
    cost: dict[str, float] = json.loads(done.stdout or "{}")
    if cost.get("exit_code") != 0:
        raise subprocess.CalledProcessError(done.returncode or 1, command, done.stdout, done.stderr)
    return cost


def section(figures: Figures) -> str:
    """The commands, then the stages."""
    models = figures["models"]
    head = (
        "model",
        "CPU ms a second of sound",
        "times real time",
        "start s",
        "of that CPU s",
        "resident MB, at most",
    )
    commands = [
        (
            name,
            shown(found["cpu_s_per_s"], 1e3),
            shown(found["times_real_time"], digits=0),
            shown(found["start_s"]),
            shown(found["start_cpu_s"]),
            f"{found['peak_bytes']['most'] / 1e6:.0f}",
        )
        for name, found in models.items()
    ]
    stages = [
        (stage, *(shown(found[f"{stage}, cpu_s_per_s"], 1e3) for found in models.values()))
        for stage in STAGES
    ]
    return "\n".join(
        [
            f"`birdedge listen --fast` on one thread, {figures['minutes']:g} min of sound of {SAMPLE_RATE_HZ} Hz; "
            f"median (least to most) of {figures['repeats']} alternating runs. Start: from the start of the "
            f"process past its first masks to its end, on {SHORT_S:g} s of sound; its files had been read before.",
            "",
            *markdown_table(head, commands),
            "",
            "Where it goes, CPU ms a second of sound, each stage timed alone within one process; the pipeline is all "
            "of them from samples to events, and the sinks (four tables, the mask file, JSON Lines) come on top.",
            "",
            *markdown_table(("stage", *models), stages),
        ]
    )


def aims(figures: Figures) -> list[tuple[str, str, bool]]:
    """See results.py."""
    found = figures["models"][DEFAULT_MODEL]
    start_s, peak_bytes = found["start_s"]["median"], found["peak_bytes"]["most"]
    return [
        (
            "start of the process to the first mask, 1 s at most",
            f"{start_s:.2f} s",
            start_s <= MAX_START_S,
        ),
        (
            "resident memory of `listen` on a file, 110 MB at most",
            f"{peak_bytes / 1e6:.0f} MB",
            peak_bytes <= MAX_RESIDENT_BYTES,
        ),
    ]


def plot(figures: Figures, path: Path) -> None:
    """Stages on top of each other, a bar a model."""
    from matplotlib.figure import Figure

    models = figures["models"]
    figure = Figure(figsize=(7, 2 + 0.4 * len(models)), layout="constrained")
    axes = figure.subplots()
    left_ms = np.zeros(len(models))
    for stage in (stage for stage in STAGES if stage != "pipeline"):
        ms = np.array([1e3 * found[f"{stage}, cpu_s_per_s"]["median"] for found in models.values()])
        axes.barh(list(models), ms, left=left_ms, label=stage)
        left_ms += ms
    axes.invert_yaxis()
    axes.set_xlabel("CPU ms a second of sound")
    figure.legend(loc="outside upper center", ncols=len(STAGES), fontsize="small")
    figure.savefig(path, dpi=100)
