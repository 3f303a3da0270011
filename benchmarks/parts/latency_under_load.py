"""How long a step of listening takes beside processes that never rest."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.report.markdown import markdown_table
from benchmarks.report.statistics import percentiles
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.synthesis.soundscape import soundscape

SAMPLE_RATE_HZ = 48_000
SCENE_S = 20.0
MAX_SHARE = 0.4  # of the chunk's duration, which 99 of 100 steps may take
STATES = ("as it is", "busy", "busy, without a rest")

Figures = dict[str, Any]


def measure(steps: int) -> Figures:
    """So many steps of the shipped model, from samples to events, on the machine in each of STATES."""
    model = Model()
    sound = soundscape(SCENE_S, sample_rate_hz=SAMPLE_RATE_HZ).samples[:, np.newaxis]
    figures: Figures = {
        "processes": os.cpu_count(),
        "chunk_s": model.card.chunk_frames * model.card.grid.hop_s,
        "as it is": percentiles(_steps_s(model, sound, steps, paced=True)),
    }
    with _burners():
        figures["busy"] = percentiles(_steps_s(model, sound, steps, paced=True))
        figures["busy, without a rest"] = percentiles(_steps_s(model, sound, steps, paced=False))
    return figures


def _steps_s(model: Model, sound: NDArray[np.float32], steps: int, paced: bool) -> list[float]:
    """Seconds that each chunk of sound takes, given when it would have been heard or as soon as the last is done."""
    pipeline = Pipeline(model, SAMPLE_RATE_HZ, 1)
    chunk_s = model.card.chunk_frames * model.card.grid.hop_s
    length = round(chunk_s * SAMPLE_RATE_HZ)
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
    command = [sys.executable, "-c", "while True: pass"]
    burners = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def section(figures: Figures) -> str:
    """What a step is, and a table."""
    rows = [
        (
            state,
            *(f"{1e3 * figures[state][p]:.2f}" for p in ("p50", "p95", "p99", "most")),
            f"{figures[state]['p99'] / figures['chunk_s']:.1%}",
            str(figures[state]["count"]),
        )
        for state in STATES
    ]
    head = ("machine", "p50 ms", "p95 ms", "p99 ms", "most ms", "p99 of the chunk", "steps")
    return "\n".join(
        [
            f"A step of {DEFAULT_MODEL}, one thread, from {SAMPLE_RATE_HZ} Hz samples to events, given "
            f"{1e3 * figures['chunk_s']:.0f} ms of sound each time; busy means that {figures['processes']} processes "
            "never rest, one a processor. Paced by the sound; and without a rest, when it wants a processor as much as "
            "they do.",
            "",
            *markdown_table(head, rows),
        ]
    )


def aims(figures: Figures) -> list[tuple[str, str, bool]]:
    """See results.py."""
    share = figures["busy"]["p99"] / figures["chunk_s"]
    aim = f"p99 of a step below {MAX_SHARE:.0%} of its chunk, one thread, busy machine"
    return [(aim, f"{share:.1%}", share < MAX_SHARE)]
