"""Latency and CPU time of one network call, by model, frames per call and number of threads.

All configurations alternate with a calibration loop, a fixed workload. Costs in calibration loops can be compared
between machines, and between a busy and an idle machine.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import onnxruntime
import soundfile

from benchmarks.parts import latency_under_load
from benchmarks.parts.latency_under_load import LoadFigures
from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import Percentiles, Summary, format_summary, percentiles, summarize
from benchmarks.report.targets import Target
from birdedge.edge.models.model import Model, session_options
from birdedge.edge.models.names import ARCHIVE_MODEL, DEFAULT_MODEL, bundled_models
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "Network call latency"
THREADS = (1, 2)
EXPORTED_FRAMES = (4, 8, 32, 64)  # frames per call of models that are exported for this measurement
WEIGHTS = Path(__file__).parents[2] / "train" / "weights" / "birdedge.safetensors"
NOT_EXPORTED = (
    "Other numbers of frames per call are only measured by a full run with the extra `export` installed."
)
SCENE_S = 20.0
MATRIX = np.random.default_rng(0).standard_normal((256, 256), np.float32)
FRAMES = np.random.default_rng(1).standard_normal((64, 512), np.float32)


class CallFigures(TypedDict):
    """One model with one number of threads."""

    model: str
    threads: int
    frames: int  # per call
    chunk_s: float  # audio per call
    macs_per_s: float
    call_s: Percentiles
    cpu_s_per_s: Summary  # per second of audio, by round
    calibration_loops_per_s: Summary  # the same in calibration loops


class LatencyFigures(TypedDict):
    """Calls of the network, and the pipeline under load."""

    rows: list[CallFigures]
    rounds: int
    calibration_s: Summary
    exported: bool  # whether models with `EXPORTED_FRAMES` are included
    under_load: LoadFigures


def measure(quick: bool, data: Path | None) -> LatencyFigures:  # noqa: ARG001 - all parts have this signature
    """Time the calls of every model in alternating rounds, then the default pipeline under load."""
    rounds, calls, chunks = (4, 15, 60) if quick else (20, 50, 400)
    names = {str(path): name for name, path in sorted(bundled_models().items())}
    with tempfile.TemporaryDirectory() as folder:
        if not quick and importlib.util.find_spec("onnxscript"):
            names |= _export(Path(folder))
        segmenters = {(file, threads): _segmenter(file, threads) for file in names for threads in THREADS}
        calls_s, cpu_s, loops = (defaultdict[Any, list[float]](list) for _ in range(3))
        calibrations_s = []
        for _ in range(rounds):
            for key, segmenter in segmenters.items():
                calibrations_s.append(calibration_s())
                each_call_s, all_calls_cpu_s = time_calls(segmenter, calls)
                calls_s[key] += each_call_s
                cpu_s[key].append(all_calls_cpu_s / (calls * _chunk_s(segmenter)))
                loops[key].append(cpu_s[key][-1] / calibrations_s[-1])
    rows: list[CallFigures] = [
        {
            "model": names[file],
            "threads": threads,
            "frames": segmenter.card.chunk_frames,
            "chunk_s": _chunk_s(segmenter),
            "macs_per_s": segmenter.card.macs_per_s,
            "call_s": percentiles(calls_s[file, threads]),
            "cpu_s_per_s": summarize(cpu_s[file, threads]),
            "calibration_loops_per_s": summarize(loops[file, threads]),
        }
        for (file, threads), segmenter in segmenters.items()
    ]
    rows.sort(key=lambda row: (row["threads"], row["frames"], row["model"]))
    return {
        "rows": rows,
        "rounds": rounds,
        "calibration_s": summarize(calibrations_s),
        "exported": len(names) > len(bundled_models()),
        "under_load": latency_under_load.measure(chunks),
    }


def calibration_s() -> float:
    """Return the CPU seconds of a calibration loop: matrix products and Fourier transforms on one thread."""
    start_s = time.process_time()
    for _ in range(10):
        MATRIX @ MATRIX
        np.fft.rfft(FRAMES, axis=1)
    return time.process_time() - start_s


def time_calls(segmenter: Segmenter, calls: int) -> tuple[list[float], float]:
    """Call the network once for warm-up and then `calls` times, each with the states of the previous call.

    Returns:
        Seconds of each call, and CPU seconds of all calls together.
    """
    segmenter.input[:] = np.random.default_rng(0).standard_normal(segmenter.input.shape, np.float32)
    segmenter.call()
    start_s, ends_s = time.process_time(), [time.perf_counter()]
    for _ in range(calls):
        segmenter.call()
        ends_s.append(time.perf_counter())
    return np.diff(ends_s).tolist(), time.process_time() - start_s


def _segmenter(file: str, threads: int) -> Segmenter:
    model = Model(file)
    if threads > 1:
        options = session_options()
        options.intra_op_num_threads = threads
        model.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return Segmenter(model)


def _chunk_s(segmenter: Segmenter) -> float:
    return segmenter.card.chunk_frames * segmenter.card.grid.hop_s


def _export(folder: Path) -> dict[str, str]:
    """Export the bundled weights with other frames per call; return the display names by file."""
    for seed in range(8):
        soundfile.write(folder / f"{seed}.wav", soundscape(SCENE_S, seed).samples, 32_000)
    command = [sys.executable, "-m", "birdedge", "export", str(WEIGHTS), "-o", str(folder / "any.onnx")]
    command += ["--quantize", "--calibration", str(folder)]
    for frames in EXPORTED_FRAMES:
        command += ["--frames", str(frames)]
    subprocess.run(command, check=True, capture_output=True)
    return {
        str(path): f"{DEFAULT_MODEL}, exported"
        for path in folder.glob("any*.onnx")
        if "fp32" not in path.name
    }


def section(figures: LatencyFigures) -> str:
    """Return a table of the calls, and the section on latency under load."""
    head = (
        "model",
        "frames per call",
        "threads",
        "call p50, p95, p99, ms",
        "p99 / chunk duration",
        "CPU ms per second of audio",
        "calibration loops per second of audio",
        "MMAC per second of audio",
        "GMAC per CPU second",
    )
    rows = [
        (
            row["model"],
            str(row["frames"]),
            str(row["threads"]),
            ", ".join(f"{1e3 * row['call_s'][key]:.2f}" for key in ("p50", "p95", "p99")),
            f"{row['call_s']['p99'] / row['chunk_s']:.1%}",
            format_summary(row["cpu_s_per_s"], 1e3),
            format_summary(row["calibration_loops_per_s"]),
            f"{row['macs_per_s'] / 1e6:.0f}",
            f"{row['macs_per_s'] / row['cpu_s_per_s']['median'] / 1e9:.1f}",
        )
        for row in figures["rows"]
    ]
    return "\n".join(
        [
            f"The network alone: median (min to max) of {figures['rounds']} rounds in which all configurations "
            "alternate. A chunk is the audio of one call. A calibration loop is a fixed workload of matrix products "
            "and Fourier transforms on one thread; on this machine it takes "
            f"{format_summary(figures['calibration_s'], 1e3)} ms of CPU time.",
            "",
            *markdown_table(head, rows),
            "",
            *([] if figures["exported"] else [NOT_EXPORTED, ""]),
            latency_under_load.section(figures["under_load"]),
        ]
    )


def targets(figures: LatencyFigures) -> list[Target]:
    """Return the target for latency under load."""
    return latency_under_load.targets(figures["under_load"])


def plot(figures: LatencyFigures, path: Path) -> None:
    """Plot CPU time against frames per call, by network and number of threads."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(8, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title("The network alone", fontsize="medium")
    networks: dict[str, list[CallFigures]] = defaultdict(list)
    for row in figures["rows"]:
        networks[_network(row["model"])].append(row)
    for place, (network, rows) in enumerate(networks.items()):
        for threads in THREADS:
            points = sorted(
                (row["frames"], 1e3 * row["cpu_s_per_s"]["median"])
                for row in rows
                if row["threads"] == threads
            )
            axes.plot(
                *zip(*points, strict=True),
                marker="o",
                linestyle="-" if threads == 1 else ":",
                color=f"C{place}",
                markerfacecolor=None if threads == 1 else "white",
                label=network if threads == 1 else None,
            )
    axes.plot([], [], "o:", color="gray", markerfacecolor="white", label="2 threads")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlabel("frames per call")
    axes.set_ylabel("CPU ms per second of audio")
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(path, dpi=100)


def _network(model: str) -> str:
    """Return the name of a model's network: the default one has several lengths of call."""
    return DEFAULT_MODEL if model == ARCHIVE_MODEL or model.startswith(DEFAULT_MODEL + ",") else model
