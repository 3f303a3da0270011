"""How long a call of the network takes, for each model, number of frames a call and number of threads.

All settings take turns, and with them a calibration loop: a fixed piece of work, so that figures of two machines, or of
a busy and a quiet hour, can be compared as multiples of it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soundfile

from benchmarks.parts import latency_under_load as busy
from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import percentiles, shown, spread
from birdedge.edge.models.model import Model, session_options
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.edge.synthesis.soundscape import soundscape

TITLE = "A call of the network"
THREADS = (1, 2)
OTHER_FRAMES = (4, 8, 32, 64)  # of forms that are exported to be timed
WEIGHTS = Path(__file__).parents[2] / "train" / "weights" / "birdedge.safetensors"
WITHOUT_EXPORT = (
    "Other numbers of frames a call are left out: that is for a whole run, with the extra `export` installed."
)
SCENE_S = 20.0
MATRIX = np.random.default_rng(0).standard_normal((256, 256), np.float32)
FRAMES = np.random.default_rng(1).standard_normal((64, 512), np.float32)

Figures = dict[str, Any]


def measure(quick: bool, data: Path | None) -> Figures:  # noqa: ARG001 - every part is asked alike
    """Calls of each form in turns; then steps of the shipped model beside processes that never rest."""
    rounds, calls, steps = (4, 15, 60) if quick else (20, 50, 400)
    names = {str(path): name for name, path in sorted(bundled_models().items())}
    with tempfile.TemporaryDirectory() as folder:
        if not quick and importlib.util.find_spec("onnxscript"):
            names |= _exported(Path(folder))
        forms = {(file, threads): _segmenter(file, threads) for file in names for threads in THREADS}
        calls_s, cpu_s, of_calibration = (defaultdict[Any, list[float]](list) for _ in range(3))
        calibrations_s = []
        for _ in range(rounds):
            for form, segmenter in forms.items():
                calibrations_s.append(calibration_s())
                each_s, all_s = turn(segmenter, calls)
                calls_s[form] += each_s
                cpu_s[form].append(all_s / (calls * _chunk_s(segmenter)))
                of_calibration[form].append(cpu_s[form][-1] / calibrations_s[-1])
    rows = [
        {
            "model": names[form[0]],
            "threads": form[1],
            "frames": segmenter.card.chunk_frames,
            "chunk_s": _chunk_s(segmenter),
            "macs_per_s": segmenter.card.macs_per_s,
            "call_s": percentiles(calls_s[form]),
            "cpu_s_per_s": spread(cpu_s[form]),
            "of_calibration": spread(of_calibration[form]),
        }
        for form, segmenter in forms.items()
    ]
    rows.sort(key=lambda row: (row["threads"], row["frames"], row["model"]))
    return {
        "rows": rows,
        "rounds": rounds,
        "calibration_s": spread(calibrations_s),
        "exported": len(names) > len(bundled_models()),
        "busy": busy.measure(steps),
    }


def calibration_s() -> float:
    """CPU seconds of a fixed piece of work on one thread: matrix products and Fourier transforms."""
    began_s = time.process_time()
    for _ in range(10):
        MATRIX @ MATRIX
        np.fft.rfft(FRAMES, axis=1)
    return time.process_time() - began_s


def turn(segmenter: Segmenter, calls: int) -> tuple[list[float], float]:
    """Seconds of each call on changing states, and CPU seconds of all together, after one that is not counted."""
    segmenter.input[:] = np.random.default_rng(0).standard_normal(segmenter.input.shape, np.float32)
    segmenter.call()
    began_s, ends_s = time.process_time(), [time.perf_counter()]
    for _ in range(calls):
        segmenter.call()
        ends_s.append(time.perf_counter())
    return np.diff(ends_s).tolist(), time.process_time() - began_s


def _segmenter(file: str, threads: int) -> Segmenter:
    model = Model(file)
    if threads > 1:
        options = session_options()
        options.intra_op_num_threads = threads
        model.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return Segmenter(model)


def _chunk_s(segmenter: Segmenter) -> float:
    return segmenter.card.chunk_frames * segmenter.card.grid.hop_s


def _exported(folder: Path) -> dict[str, str]:
    """The shipped weights with other numbers of frames a call, calibrated on the demo's sound; by file its name."""
    for seed in range(8):
        soundfile.write(folder / f"{seed}.wav", soundscape(SCENE_S, seed).samples, 32_000)
    command = [sys.executable, "-m", "birdedge", "export", str(WEIGHTS), "-o", str(folder / "any.onnx")]
    command += ["--quantize", "--calibration", str(folder)]
    for frames in OTHER_FRAMES:
        command += ["--frames", str(frames)]
    subprocess.run(command, check=True, capture_output=True)
    return {
        str(path): f"{DEFAULT_MODEL}, exported"
        for path in folder.glob("any*.onnx")
        if "fp32" not in path.name
    }


def section(figures: Figures) -> str:
    """The table of forms, and the steps on a busy machine."""
    head = (
        "model",
        "frames",
        "threads",
        "p50, p95, p99 of a call, ms",
        "p99 of the chunk",
        "CPU ms a second of sound",
        "in calibration loops",
        "MMAC a second of sound",
        "GMAC a CPU second",
    )
    rows = [
        (
            row["model"],
            str(row["frames"]),
            str(row["threads"]),
            ", ".join(f"{1e3 * row['call_s'][p]:.2f}" for p in ("p50", "p95", "p99")),
            f"{row['call_s']['p99'] / row['chunk_s']:.1%}",
            shown(row["cpu_s_per_s"], 1e3),
            shown(row["of_calibration"]),
            f"{row['macs_per_s'] / 1e6:.0f}",
            f"{row['macs_per_s'] / row['cpu_s_per_s']['median'] / 1e9:.1f}",
        )
        for row in figures["rows"]
    ]
    return "\n".join(
        [
            f"The network alone, {figures['rounds']} rounds in which all take turns: median, (least to most) of the "
            "rounds. A chunk is the sound of one call. A calibration loop is a fixed piece of work, matrix products "
            f"and Fourier transforms on one thread, of {shown(figures['calibration_s'], 1e3)} CPU ms here.",
            "",
            *markdown_table(head, rows),
            "",
            *([] if figures["exported"] else [WITHOUT_EXPORT, ""]),
            busy.section(figures["busy"]),
        ]
    )


def aims(figures: Figures) -> list[tuple[str, str, bool]]:
    """See results.py."""
    return busy.aims(figures["busy"])


def plot(figures: Figures, path: Path) -> None:
    """CPU time against frames a call, of one thread and of two."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.set_title("The network alone", fontsize="medium")
    for row in figures["rows"]:
        at = str(row["frames"]), 1e3 * row["cpu_s_per_s"]["median"]
        axes.plot(*at, "o" if row["threads"] == 1 else "s", color=f"C{row['threads'] - 1}")
        if row["threads"] == 1:
            axes.annotate(row["model"], at, xytext=(5, 3), textcoords="offset points", fontsize="xx-small")
    for threads in THREADS:
        axes.plot([], [], "o" if threads == 1 else "s", color=f"C{threads - 1}", label=f"threads: {threads}")
    axes.margins(x=0.25)  # room for the names
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_xlabel("frames a call")
    axes.set_ylabel("CPU ms a second of sound")
    axes.legend()
    figure.savefig(path, dpi=100)
