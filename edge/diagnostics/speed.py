"""What models cost on this machine: in turns, so that all meet the same disturbances; and where the time goes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.segmenter import Segmenter

MIN_S = 0.02  # of processor time a turn, so that its clock's steps do not matter
MATRIX = 512
LISTENING_DELAY_S = 0.25  # from a sound to its mask
EQUAL = 0.03  # models whose cost differs by less are equally fast
PROFILED_CALLS = 200

_PEAK = f"""
import time
import numpy as np
a = np.ones(({MATRIX}, {MATRIX}), np.float32)
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
    """Processor seconds that a network takes a second of sound: each turn's."""

    model: Model
    turns: tuple[float, ...]

    @property
    def median_s(self) -> float:
        """Of the turns."""
        return statistics.median(self.turns)


@dataclass(frozen=True)
class NodeCost:
    """A kind of operator in a graph: its share of the time, and the bytes it read and wrote a second of sound."""

    operator: str
    share: float
    max_share: float  # of a single node
    nodes: int
    bytes_per_s: int


def measure(models: list[Model], duration_s: float) -> list[Cost]:
    """The cost of each, in alternating turns that last `duration_s` together."""
    segmenters = [Segmenter(model) for model in models]
    turns: list[list[float]] = [[] for _ in models]
    end = time.monotonic() + duration_s
    while time.monotonic() < end or len(turns[0]) < 3:
        for segmenter, values in zip(segmenters, turns, strict=True):
            values.append(network_seconds(segmenter))
    return [Cost(model, tuple(values)) for model, values in zip(models, turns, strict=True)]


def network_seconds(segmenter: Segmenter) -> float:
    """Processor seconds of the network alone a second of sound, from whole calls on states that change."""
    segmenter.input[:] = np.random.default_rng(0).standard_normal(segmenter.input.shape, np.float32)
    segmenter.call()
    calls, begin = 0, time.process_time()
    while (spent_s := time.process_time() - begin) < MIN_S:
        segmenter.call()
        calls += 1
    return spent_s / (calls * segmenter.card.chunk_frames * segmenter.card.grid.hop_s)


def choose(costs: list[Cost]) -> Model | None:
    """The cheapest network that is soon enough to listen with; of equally fast ones, the first."""
    in_time = [c for c in costs if _delay_s(c.model) <= LISTENING_DELAY_S]
    if not in_time:
        return None
    cheapest_s = min(c.median_s for c in in_time)
    return next(c.model for c in in_time if c.median_s <= (1 + EQUAL) * cheapest_s)


def matrix_peak_macs_per_s() -> float:
    """Multiply-accumulates a processor second in numpy's fp32 matrix product: what this machine can do at best.

    In a process of its own, since numpy's threads are numbered when it is loaded.
    """
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-c", _PEAK], env={**os.environ, **one_thread}, capture_output=True, check=True
    )
    return MATRIX**3 / float(done.stdout)


def profile(path: Path) -> list[NodeCost]:
    """The time of a model's nodes by kind, from onnxruntime's own profiler; the costliest first."""
    with TemporaryDirectory() as folder:
        model = Model(path, profile=Path(folder) / "profile")
        segmenter = Segmenter(model)
        for _ in range(PROFILED_CALLS):
            segmenter.call()
        events = json.loads(Path(model.session.end_profiling()).read_text(encoding="utf-8"))
    spent: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    moved: dict[str, int] = defaultdict(int)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            details = event["args"]
            operator = details["op_name"]
            spent[operator][event["name"]] += event["dur"]
            moved[operator] += sum(
                int(details.get(f"{kind}_size", 0)) for kind in ("activation", "parameter", "output")
            )
    total = sum(sum(nodes.values()) for nodes in spent.values())
    # One call more, with which the file was tried.
    sound_s = (PROFILED_CALLS + 1) * model.card.chunk_frames * model.card.grid.hop_s
    rows = [
        NodeCost(
            operator,
            sum(nodes.values()) / total,
            max(nodes.values()) / total,
            len(nodes),
            round(moved[operator] / sound_s),
        )
        for operator, nodes in spent.items()
    ]
    return sorted(rows, key=lambda row: -row.share)


def _delay_s(model: Model) -> float:
    card = model.card
    return (
        card.chunk_frames + card.lookahead_frames
    ) * card.grid.hop_s + card.grid.n_fft / card.grid.sample_rate_hz
