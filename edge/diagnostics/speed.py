"""Measure the speed of models on this machine, and the time of each operator."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.segmenter import Segmenter

MIN_TURN_S = 0.02  # of CPU time, so that the resolution of its clock does not matter
MATRIX_SIZE = 512
MAX_LIVE_LATENCY_S = 0.25  # from a sound to its mask
TIE = 0.03  # models whose cost differs by less are equally fast
PROFILED_CALLS = 200

_PEAK = f"""
import time
import numpy as np
a = np.ones(({MATRIX_SIZE}, {MATRIX_SIZE}), np.float32)
best_s = float("inf")
for _ in range(20):
    begin = time.process_time()
    for _ in range(4):
        a @ a
    best_s = min(best_s, (time.process_time() - begin) / 4)
print(best_s)
"""


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a network per second of audio, measured in several turns."""

    model: Model
    turns: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Median over the turns."""
        return statistics.median(self.turns)

    @property
    def macs_per_cpu_s(self) -> float:
        """Multiply-accumulates per CPU second."""
        return self.model.card.macs_per_s / self.median_s

    def relative_to(self, other: Cost) -> float:
        """Return the median ratio of simultaneous turns."""
        return statistics.median(a / b for a, b in zip(self.turns, other.turns, strict=True))


@dataclass(frozen=True)
class OperatorCost:
    """Cost of all nodes with the same operator: their share of the time, and their memory traffic."""

    operator: str
    share: float
    max_share: float  # of a single node
    nodes: int
    bytes_per_s: int  # read and written per second of audio


def measure(models: list[Model], duration_s: float) -> list[Cost]:
    """Measure models in alternating turns, so that disturbances affect all, for `duration_s` in total."""
    segmenters = [Segmenter(model) for model in models]
    turns: list[list[float]] = [[] for _ in models]
    end_s = time.monotonic() + duration_s
    while time.monotonic() < end_s or len(turns[0]) < 3:
        for segmenter, values in zip(segmenters, turns, strict=True):
            values.append(network_seconds(segmenter))
    return [Cost(model, tuple(values)) for model, values in zip(models, turns, strict=True)]


def network_seconds(segmenter: Segmenter) -> float:
    """Return the CPU seconds of the network per second of audio, measured over complete calls."""
    segmenter.input[:] = np.random.default_rng(0).standard_normal(segmenter.input.shape, np.float32)
    segmenter.call()
    calls, start_s = 0, time.process_time()
    while (cpu_s := time.process_time() - start_s) < MIN_TURN_S:
        segmenter.call()
        calls += 1
    return cpu_s / (calls * segmenter.card.chunk_frames * segmenter.card.grid.hop_s)


def fastest_live_model(costs: Sequence[Cost]) -> Model | None:
    """Return the fastest model with at most 0.25 s latency, the first among equals; None if there is none."""
    live = [cost for cost in costs if latency_s(cost.model.card) <= MAX_LIVE_LATENCY_S]
    if not live:
        return None
    min_s = min(cost.median_s for cost in live)
    return next(cost.model for cost in live if cost.median_s <= (1 + TIE) * min_s)


def latency_s(card: ModelCard) -> float:
    """Return the time from a sound to its mask: chunk, lookahead and window, without computation."""
    grid = card.grid
    return (card.chunk_frames + card.lookahead_frames) * grid.hop_s + grid.span / grid.sample_rate_hz


def matrix_peak_macs_per_s() -> float:
    """Return the multiply-accumulates per CPU second of numpy's fp32 matrix product, an upper bound for networks.

    It runs in a new process, because the number of numpy's threads is set when it is imported.
    """
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-c", _PEAK], env={**os.environ, **one_thread}, capture_output=True, check=True
    )
    return MATRIX_SIZE**3 / float(done.stdout)


def profile(path: Path, calls: int = PROFILED_CALLS) -> list[OperatorCost]:
    """Measure a model with the profiler of onnxruntime; return the operators by decreasing cost."""
    with TemporaryDirectory() as folder:
        model = Model(path, profile=Path(folder) / "profile")
        segmenter = Segmenter(model)
        for _ in range(calls):
            segmenter.call()
        events = json.loads(Path(model.session.end_profiling()).read_text(encoding="utf-8"))
    node_us: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    moved_bytes: dict[str, int] = defaultdict(int)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            details = event["args"]
            operator = details["op_name"]
            node_us[operator][event["name"]] += event["dur"]
            moved_bytes[operator] += sum(
                int(details.get(f"{kind}_size", 0)) for kind in ("activation", "parameter", "output")
            )
    total_us = sum(sum(nodes.values()) for nodes in node_us.values())
    # One more call: `Model` makes one when it opens the file.
    audio_s = (calls + 1) * model.card.chunk_frames * model.card.grid.hop_s
    costs = [
        OperatorCost(
            operator,
            sum(nodes.values()) / total_us,
            max(nodes.values()) / total_us,
            len(nodes),
            round(moved_bytes[operator] / audio_s),
        )
        for operator, nodes in node_us.items()
    ]
    return sorted(costs, key=lambda cost: -cost.share)
