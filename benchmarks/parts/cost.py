"""CPU time, memory and start-up time of `birdedge listen` on a file, and the CPU time of each stage.

The command runs on a 48 kHz recording, on one thread, as fast as possible. Its CPU time minus that of a run on the
first 3 s, divided by the difference in length, excludes start-up. All runs alternate, so that disturbances of the
machine affect all alike.
"""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import numpy as np
import soundfile

from benchmarks.parts.stage_costs import stage_costs
from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import Summary, format_summary, summarize
from benchmarks.report.targets import Target
from benchmarks.support.command_cost import command_cost
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "CPU time, memory and start-up time"
SAMPLE_RATE_HZ = 48_000
SHORT_S = 3.0
SCENE_S = 60.0
MAX_START_S, MAX_RESIDENT_BYTES = 1.0, 110e6


class ModelFigures(TypedDict):
    """The command with one model."""

    cpu_s_per_s: Summary
    times_real_time: Summary
    peak_bytes: Summary
    start_s: Summary
    start_cpu_s: Summary
    stages_cpu_s_per_s: dict[str, Summary]  # by stage


class CostFigures(TypedDict):
    """The command with every model."""

    minutes: float
    repeats: int
    models: dict[str, ModelFigures]


@dataclass
class RepeatedCosts:
    """The costs of one model, with one value per repeat."""

    cpu_s_per_s: list[float] = field(default_factory=list)
    times_real_time: list[float] = field(default_factory=list)
    peak_bytes: list[float] = field(default_factory=list)
    start_s: list[float] = field(default_factory=list)
    start_cpu_s: list[float] = field(default_factory=list)
    stages_cpu_s_per_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def measure(quick: bool, data: Path | None) -> CostFigures:  # noqa: ARG001 - all parts have this signature
    """Measure every bundled model, or the default alone on one minute if `quick`.

    Raises:
        subprocess.CalledProcessError: `birdedge listen` failed.
    """
    models = [DEFAULT_MODEL] if quick else sorted(bundled_models())
    minutes, repeats = (1.0, 3) if quick else (3.0, 5)
    return {"minutes": minutes, "repeats": repeats, "models": model_figures(models, minutes, repeats)}


def model_figures(models: list[str], minutes: float, repeats: int) -> dict[str, ModelFigures]:
    """Run the command and the stages with each model, in alternation; return the figures by model.

    Raises:
        subprocess.CalledProcessError: `birdedge listen` failed.
    """
    return {
        name: {
            "cpu_s_per_s": summarize(costs.cpu_s_per_s),
            "times_real_time": summarize(costs.times_real_time),
            "peak_bytes": summarize(costs.peak_bytes),
            "start_s": summarize(costs.start_s),
            "start_cpu_s": summarize(costs.start_cpu_s),
            "stages_cpu_s_per_s": {
                stage: summarize(values) for stage, values in costs.stages_cpu_s_per_s.items()
            },
        }
        for name, costs in repeated_costs(models, minutes, repeats).items()
    }


def repeated_costs(models: list[str], minutes: float, repeats: int) -> dict[str, RepeatedCosts]:
    """Run the command and the stages with each model, in alternation; return the costs by model.

    Raises:
        subprocess.CalledProcessError: `birdedge listen` failed.
    """
    results = {name: RepeatedCosts() for name in models}
    opened = {name: Model(name) for name in models}
    with tempfile.TemporaryDirectory() as folder:
        long, short = Path(folder) / "long.wav", Path(folder) / "short.wav"
        scene = soundscape(SCENE_S, sample_rate_hz=SAMPLE_RATE_HZ).samples
        # One minute repeated, because a longer scene would take gigabytes of memory.
        length_samples = round(60 * minutes * SAMPLE_RATE_HZ)
        soundfile.write(long, np.resize(scene, length_samples), SAMPLE_RATE_HZ, subtype="PCM_16")
        soundfile.write(short, scene[: round(SHORT_S * SAMPLE_RATE_HZ)], SAMPLE_RATE_HZ, subtype="PCM_16")
        for _ in range(repeats):
            for name, costs in results.items():
                command = [sys.executable, "-m", "birdedge", "listen", "--fast", "--json", "--model", name]
                whole, start = command_cost([*command, str(long)]), command_cost([*command, str(short)])
                audio_s = 60 * minutes - SHORT_S
                costs.cpu_s_per_s.append((whole.cpu_s - start.cpu_s) / audio_s)
                costs.times_real_time.append(audio_s / (whole.wall_s - start.wall_s))
                costs.peak_bytes.append(whole.peak_bytes)
                costs.start_s.append(start.wall_s)
                costs.start_cpu_s.append(start.cpu_s)
            for name, model in opened.items():
                for stage, cost in stage_costs(model, scene, SAMPLE_RATE_HZ).items():
                    results[name].stages_cpu_s_per_s[stage].append(cost)
    return results


def section(figures: CostFigures) -> str:
    """Return a table of the commands and a table of the stages."""
    models = figures["models"]
    head = (
        "model",
        "CPU ms per second of audio",
        "times real time",
        "start-up s",
        "start-up CPU s",
        "max resident MB",
    )
    commands = [
        (
            name,
            format_summary(row["cpu_s_per_s"], 1e3),
            format_summary(row["times_real_time"], digits=0),
            format_summary(row["start_s"]),
            format_summary(row["start_cpu_s"]),
            f"{row['peak_bytes']['max'] / 1e6:.0f}",
        )
        for name, row in models.items()
    ]
    stages = [
        (stage, *(format_summary(row["stages_cpu_s_per_s"][stage], 1e3) for row in models.values()))
        for stage in _stages(figures)
    ]
    return "\n".join(
        [
            f"`birdedge listen --fast` on one thread, {figures['minutes']:g} min of audio at {SAMPLE_RATE_HZ} Hz; "
            f"median (min to max) of {figures['repeats']} alternating runs. Start-up covers a whole process on "
            f"{SHORT_S:g} s of audio, from its launch through the first masks to its exit, with its files in the page "
            "cache.",
            "",
            *markdown_table(head, commands),
            "",
            "CPU ms per second of audio by stage, each timed alone within one process. The pipeline is all stages from "
            "samples to events; the sinks (four tables, the mask file, JSON Lines) are extra.",
            "",
            *markdown_table(("stage", *models), stages),
        ]
    )


def targets(figures: CostFigures) -> list[Target]:
    """Return the targets for start-up time and memory of the default model."""
    row = figures["models"][DEFAULT_MODEL]
    start_s, peak_bytes = row["start_s"]["median"], row["peak_bytes"]["max"]
    return [
        Target(
            "time from process start to the first mask",
            f"at most {MAX_START_S:g} s",
            f"{start_s:.2f} s",
            start_s <= MAX_START_S,
        ),
        Target(
            "resident memory of `listen` on a file",
            f"at most {MAX_RESIDENT_BYTES / 1e6:g} MB",
            f"{peak_bytes / 1e6:.0f} MB",
            peak_bytes <= MAX_RESIDENT_BYTES,
        ),
    ]


def plot(figures: CostFigures, path: Path) -> None:
    """Plot one bar of stacked stages per model."""
    from matplotlib.figure import Figure

    models = figures["models"]
    figure = Figure(figsize=(7, 2 + 0.4 * len(models)), layout="constrained")
    axes = figure.subplots()
    left_ms = np.zeros(len(models))
    stages = [stage for stage in _stages(figures) if stage != "pipeline"]
    for stage in stages:
        ms = np.array([1e3 * row["stages_cpu_s_per_s"][stage]["median"] for row in models.values()])
        axes.barh(list(models), ms, left=left_ms, label=stage)
        left_ms += ms
    axes.invert_yaxis()
    axes.set_xlabel("CPU ms per second of audio")
    figure.legend(loc="outside upper center", ncols=4, fontsize="small")
    figure.savefig(path, dpi=100)


def _stages(figures: CostFigures) -> list[str]:
    return list(figures["models"][DEFAULT_MODEL]["stages_cpu_s_per_s"])
