"""Latency of the pipeline per chunk of audio while other processes keep all cores busy."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import Percentiles, percentiles
from benchmarks.report.targets import Target
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape

SAMPLE_RATE_HZ = 48_000
SCENE_S = 20.0
MAX_P99_SHARE = 0.4  # of the chunk's duration
Load = Literal["unloaded", "loaded", "loaded_unpaced"]
LOADS: dict[Load, str] = {
    "unloaded": "no added load",
    "loaded": "all cores busy",
    "loaded_unpaced": "all cores busy, chunks not paced",
}


class LoadFigures(TypedDict):
    """Latency per chunk, in seconds."""

    processes: int  # that keep the cores busy
    chunk_s: float
    unloaded: Percentiles
    loaded: Percentiles
    loaded_unpaced: Percentiles


def measure(chunks: int) -> LoadFigures:
    """Time a number of chunks of the default model, from samples to events, under each of `LOADS`."""
    model = Model()
    samples = soundscape(SCENE_S, sample_rate_hz=SAMPLE_RATE_HZ).samples[:, np.newaxis]
    unloaded = percentiles(_chunk_latencies_s(model, samples, chunks, paced=True))
    with _busy_cores():
        loaded = percentiles(_chunk_latencies_s(model, samples, chunks, paced=True))
        loaded_unpaced = percentiles(_chunk_latencies_s(model, samples, chunks, paced=False))
    return {
        "processes": os.cpu_count() or 1,
        "chunk_s": model.card.chunk_frames * model.card.grid.hop_s,
        "unloaded": unloaded,
        "loaded": loaded,
        "loaded_unpaced": loaded_unpaced,
    }


def _chunk_latencies_s(
    model: Model, samples: NDArray[np.float32], chunks: int, *, paced: bool
) -> list[float]:
    """Return the seconds per chunk; a paced chunk starts when a microphone would deliver it."""
    pipeline = Pipeline(model, SAMPLE_RATE_HZ, 1)
    chunk_s = model.card.chunk_frames * model.card.grid.hop_s
    chunk_samples = round(chunk_s * SAMPLE_RATE_HZ)
    starts = itertools.cycle(range(0, len(samples) - chunk_samples, chunk_samples))
    latencies_s = []
    due_s = time.monotonic()
    for start in itertools.islice(starts, chunks):
        start_s = time.perf_counter()
        pipeline.push(samples[start : start + chunk_samples])
        latencies_s.append(time.perf_counter() - start_s)
        if paced:
            due_s += chunk_s
            time.sleep(max(0.0, due_s - time.monotonic()))
    return latencies_s


@contextmanager
def _busy_cores() -> Iterator[None]:
    """Run one busy process per core for the duration of the block."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def section(figures: LoadFigures) -> str:
    """Return a table of the latencies."""
    rows = [
        (
            label,
            *(f"{1e3 * figures[load][key]:.2f}" for key in ("p50", "p95", "p99", "max")),
            f"{figures[load]['p99'] / figures['chunk_s']:.1%}",
            str(figures[load]["count"]),
        )
        for load, label in LOADS.items()
    ]
    head = ("machine", "p50 ms", "p95 ms", "p99 ms", "max ms", "p99 / chunk duration", "chunks")
    return "\n".join(
        [
            f"Latency of the whole pipeline per chunk of {1e3 * figures['chunk_s']:.0f} ms ({DEFAULT_MODEL}, from "
            f"samples at {SAMPLE_RATE_HZ} Hz to events, one thread). The load is {figures['processes']} busy "
            "processes, one per core. Chunks arrive in real time; those that are not paced follow each other without a "
            "pause, so that the pipeline competes with the load all the time.",
            "",
            *markdown_table(head, rows),
        ]
    )


def targets(figures: LoadFigures) -> list[Target]:
    """Return the target for the loaded machine."""
    share = figures["loaded"]["p99"] / figures["chunk_s"]
    return [
        Target(
            "p99 latency of a chunk, one thread, all cores busy",
            f"below {MAX_P99_SHARE:.0%} of the chunk",
            f"{share:.1%}",
            share < MAX_P99_SHARE,
        )
    ]
