"""How CPU time and memory scale with sample rate, channels, bird calls and length of the recording.

Scaling with the number of files and processes: archive.py.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np
import soxr
from numpy.typing import NDArray

from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import Summary, format_summary, summarize
from benchmarks.report.targets import Target
from benchmarks.support.long_recording import LongRecordingFigures, segment_long_recording
from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "Scaling"
RATES_HZ = (16_000, 32_000, 44_100, 48_000, 96_000, 192_000)
CHANNELS = (1, 2, 4, 8)
CALLS_PER_MINUTE = (0, 20, 60, 120)
SCENE_S = 20.0
SCENE_RATE_HZ, FILE_RATE_HZ = 48_000, 32_000
DAY_MINUTES = 24 * 60
MAX_SLOPE_BYTES_PER_H = 1e6

Variable = Literal["sample_rate_hz", "channels", "calls_per_minute"]
Float32 = NDArray[np.float32]


class CostRow(TypedDict):
    """The pipeline's cost at one value of a variable."""

    value: int
    cpu_s_per_s: Summary
    events_per_minute: float


class LengthRow(LongRecordingFigures):
    """`birdedge segment` on a recording of one length."""

    minutes: int


class ScalingFigures(TypedDict):
    """One table per variable."""

    sample_rate_hz: list[CostRow]
    channels: list[CostRow]
    calls_per_minute: list[CostRow]
    length: list[LengthRow]


def measure(quick: bool, data: Path | None) -> ScalingFigures:  # noqa: ARG001 - all parts have this signature
    """Measure each variable; if `quick`, with fewer rounds and 20 minutes instead of a day.

    Raises:
        subprocess.CalledProcessError: `birdedge segment` failed.
    """
    rounds = 3 if quick else 9
    scene = soundscape(SCENE_S, sample_rate_hz=SCENE_RATE_HZ).samples[:, np.newaxis]
    rates = {rate_hz: (soxr.resample(scene, SCENE_RATE_HZ, rate_hz), rate_hz) for rate_hz in RATES_HZ}
    channels = {count: (np.repeat(scene, count, axis=1), SCENE_RATE_HZ) for count in CHANNELS}
    calls = {
        count: (
            soundscape(SCENE_S, calls_per_minute=count, sample_rate_hz=SCENE_RATE_HZ).samples[:, np.newaxis],
            SCENE_RATE_HZ,
        )
        for count in CALLS_PER_MINUTE
    }
    return {
        "sample_rate_hz": pipeline_costs(rates, rounds),
        "channels": pipeline_costs(channels, rounds),
        "calls_per_minute": pipeline_costs(calls, rounds),
        "length": [length(minutes) for minutes in ((20,) if quick else (60, DAY_MINUTES))],
    }


def pipeline_costs(recordings: Mapping[int, tuple[Float32, int]], rounds: int) -> list[CostRow]:
    """Return the CPU seconds per second of audio from samples to events, in alternating rounds.

    Args:
        recordings: By value of the variable: samples, `[samples, channels]`, and their rate in Hz.
        rounds: Number of measurements per value.
    """
    model = Model()
    costs: dict[int, list[float]] = {value: [] for value in recordings}
    events_per_minute = {}
    for _ in range(rounds):
        for value, (samples, rate_hz) in recordings.items():
            pipeline = Pipeline(model, rate_hz, samples.shape[1])
            start_s, events = time.process_time(), 0
            for at in range(0, len(samples), FAST_BLOCK_SAMPLES):
                events += len(pipeline.push(samples[at : at + FAST_BLOCK_SAMPLES]).events)
            events += len(pipeline.flush().events)
            audio_s = len(samples) / rate_hz
            costs[value].append((time.process_time() - start_s) / audio_s)
            events_per_minute[value] = 60 * events / audio_s
    return [
        {
            "value": value,
            "cpu_s_per_s": summarize(costs[value]),
            "events_per_minute": events_per_minute[value],
        }
        for value in recordings
    ]


def length(minutes: int) -> LengthRow:
    """Run `birdedge segment` on one recording of that many minutes."""
    with tempfile.TemporaryDirectory() as folder:
        return {"minutes": minutes, **segment_long_recording(Path(folder), minutes, FILE_RATE_HZ)}


def section(figures: ScalingFigures) -> str:
    """Return one table per variable."""
    lines = [
        "CPU ms per second of audio from samples to events, within one process: median (min to max) of alternating "
        "rounds. The network always receives 32 kHz mono.",
        "",
    ]
    labels: dict[Variable, str] = {
        "sample_rate_hz": "sample rate, Hz",
        "channels": "channels (averaged)",
        "calls_per_minute": "bird calls per minute in the scene",
    }
    for variable, label in labels.items():
        rows = [
            (f"{row['value']}", format_summary(row["cpu_s_per_s"], 1e3), f"{row['events_per_minute']:.0f}")
            for row in figures[variable]
        ]
        lines += [*markdown_table((label, "CPU ms per second of audio", "events per minute"), rows), ""]
    lines += [
        "One long recording, read as a stream by `birdedge segment`:",
        "",
        *markdown_table(
            (
                "hours",
                "times real time",
                "events",
                "resident MB after warm-up, at the end, max",
                "MB of growth per hour of audio",
            ),
            [_length_cells(row) for row in figures["length"]],
        ),
    ]
    return "\n".join(lines)


def _length_cells(row: LengthRow) -> tuple[str, ...]:
    resident_bytes = (row["resident_first_bytes"], row["resident_last_bytes"], row["max_resident_bytes"])
    return (
        f"{row['minutes'] / 60:.3g}",
        f"{row['times_real_time']:.0f}",
        f"{row['events']}",
        ", ".join(f"{size / 1e6:.0f}" for size in resident_bytes),
        f"{row['resident_slope_bytes_per_h'] / 1e6:+.2f}",
    )


def targets(figures: ScalingFigures) -> list[Target]:
    """Return the target for the growth of memory over a day, if a day was measured."""
    longest = figures["length"][-1]
    if longest["minutes"] != DAY_MINUTES:
        return []
    slope = longest["resident_slope_bytes_per_h"]
    return [
        Target(
            f"memory growth per hour of audio, over a {DAY_MINUTES / 60:g} h recording",
            f"below {MAX_SLOPE_BYTES_PER_H / 1e6:g} MB",
            f"{slope / 1e6:+.2f} MB",
            slope < MAX_SLOPE_BYTES_PER_H,
        )
    ]


def plot(figures: ScalingFigures, path: Path) -> None:
    """Plot CPU time against each variable, side by side."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    labels: dict[Variable, str] = {
        "sample_rate_hz": "sample rate, kHz",
        "channels": "channels",
        "calls_per_minute": "calls per minute",
    }
    for axes, (variable, label) in zip(figure.subplots(1, 3, sharey=True), labels.items(), strict=True):
        scale = 1000 if variable == "sample_rate_hz" else 1
        values = [row["value"] / scale for row in figures[variable]]
        costs = [row["cpu_s_per_s"] for row in figures[variable]]
        median, low, high = (
            np.array([1e3 * cost[key] for cost in costs]) for key in ("median", "min", "max")
        )
        axes.errorbar(values, median, yerr=[median - low, high - median], marker="o", capsize=3)
        axes.set_xlabel(label)
    figure.axes[0].set_ylim(bottom=0)  # shared by all axes; set after the highest curve is drawn
    figure.axes[0].set_ylabel("CPU ms per second of audio")
    figure.savefig(path, dpi=100)
