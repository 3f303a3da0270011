"""How long a call of the network takes, for each model, number of frames a call and number of threads.

All settings take turns, and with them a calibration loop: a fixed piece of work, so that figures of two machines, or of
a busy and a quiet hour, can be compared as multiples of it.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soundfile

from benchmarks.markdown import markdown_table
from benchmarks.spread import percentiles, shown, spread
from birdedge.edge.model import DEFAULT_MODEL, Model, bundled_models, session_options
from birdedge.edge.pipeline import Pipeline
from birdedge.edge.segmenter import Segmenter
from birdedge.edge.soundscape import soundscape

TITLE = "A call of the network"
THREADS = (1, 2)
OTHER_FRAMES = (4, 8, 32, 64)  # of forms that are exported to be timed
WEIGHTS = Path(__file__).parents[1] / "train" / "weights" / "birdedge.safetensors"
SAMPLE_RATE_HZ = 48_000
SCENE_S = 20.0
LARGEST_SHARE = 0.4  # of the chunk's duration, which 99 of 100 steps may take on a busy machine
MATRIX = np.random.default_rng(0).standard_normal((256, 256), np.float32)
FRAMES = np.random.default_rng(1).standard_normal((64, 512), np.float32)

Figures = dict[str, Any]


def measure(quick: bool, data: Path | None) -> Figures:  # noqa: ARG001 - every part is asked alike
    """Calls of each form in turns; then steps of the shipped model beside processes that never rest."""
    rounds, calls, steps = (4, 15, 60) if quick else (20, 50, 500)
    names = {str(path): name for name, path in sorted(bundled_models().items())}
    with tempfile.TemporaryDirectory() as folder:
        if not quick and importlib.util.find_spec("torch"):
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
    return {"rows": rows, "rounds": rounds, "calibration_s": spread(calibrations_s), "busy": busy(steps)}


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


def busy(steps: int) -> Figures:
    """Steps of the shipped model, from samples to events, on a machine as it is, and on one with no idle "
    "processor."""
    figures: Figures = {"processes": os.cpu_count(), "sample_rate_hz": SAMPLE_RATE_HZ}
    figures["chunk_s"] = Model().card.chunk_frames * Model().card.grid.hop_s
    figures["as it is"] = percentiles(_steps_s(steps, paced=True))
    with _burners():
        figures["busy"] = percentiles(_steps_s(steps, paced=True))
        figures["busy, without a rest"] = percentiles(_steps_s(steps, paced=False))
    return figures


def _steps_s(steps: int, paced: bool) -> list[float]:
    """Seconds that each chunk of sound takes, given when it would have been heard or as soon as the last is done."""
    pipeline = Pipeline(Model(), SAMPLE_RATE_HZ, 1)
    chunk_s = pipeline.card.chunk_frames * pipeline.card.grid.hop_s
    length = round(chunk_s * SAMPLE_RATE_HZ)
    sound = soundscape(SCENE_S, sample_rate_hz=SAMPLE_RATE_HZ).samples[:, np.newaxis]
    starts = itertools.cycle(range(0, len(sound) - length, length))
    took_s = []
    due_s = time.monotonic()
    for start in itertools.islice(starts, steps):
        began_s = time.perf_counter()
        pipeline.push(sound[start : start + length])
        took_s.append(time.perf_counter() - began_s)
        if paced:
            due_s += chunk_s
            time.sleep(max(0.0, due_s - time.monotonic()))
    return took_s


@contextmanager
def _burners() -> Iterator[None]:
    """As many processes that never rest as there are processors."""
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


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
    """The shipped weights with other numbers of frames a call, calibrated on the demo's sound: for their "
    "time alone."""
    for seed in range(8):
        soundfile.write(folder / f"{seed}.wav", soundscape(SCENE_S, seed).samples, 32_000)
    command = [
        sys.executable,
        "-m",
        "birdedge",
        "export",
        str(WEIGHTS),
        "--quantize",
        "-o",
        str(folder / "any.onnx"),
    ]
    command += ["--calibration", str(folder)]
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
    states = ("as it is", "busy", "busy, without a rest")
    busy = figures["busy"]
    busy_rows = [
        (
            state,
            *(f"{1e3 * busy[state][p]:.2f}" for p in ("p50", "p95", "p99", "most")),
            f"{busy[state]['p99'] / busy['chunk_s']:.1%}",
            str(busy[state]["count"]),
        )
        for state in states
    ]
    return "\n".join(
        [
            f"The network alone, {figures['rounds']} rounds in which all take turns: median, (least to most) of the "
            "rounds. A chunk is the sound of one call. A calibration loop is a fixed piece of work, matrix products "
            f"and Fourier transforms on one thread, of {shown(figures['calibration_s'], 1e3)} CPU ms here.",
            "",
            *markdown_table(head, rows),
            "",
            f"A step of {DEFAULT_MODEL}, one thread, from {busy['sample_rate_hz']} Hz samples to events, given "
            f"{1e3 * busy['chunk_s']:.0f} ms of sound each time; busy means that {busy['processes']} processes never "
            "rest, one a processor. Paced by the sound; and without a rest, when it wants a processor as much "
            "as they do.",
            "",
            *markdown_table(
                ("machine", "p50 ms", "p95 ms", "p99 ms", "most ms", "p99 of the chunk", "steps"), busy_rows
            ),
        ]
    )


def aims(figures: Figures) -> list[tuple[str, str, bool]]:
    """See results.py."""
    busy = figures["busy"]
    share = busy["busy"]["p99"] / busy["chunk_s"]
    return [
        (
            f"p99 of a step below {LARGEST_SHARE:.0%} of its chunk, one thread, busy machine",
            f"{share:.1%}",
            share < LARGEST_SHARE,
        )
    ]
