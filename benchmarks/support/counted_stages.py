"""The stages of the pipeline under valgrind: one process each, forked from one that has loaded the model.

valgrind counts the instructions of each process from the start of the first one. Each stage therefore runs in a child,
after another child has ended without running it; the difference of the two counts belongs to the stage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.parts.stage_costs import run_stages
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import DEFAULT_MODEL

SAMPLE_RATE_HZ, BLOCK_SAMPLES = 48_000, 2400
WARM_UP_S, COUNTED_S = 1.6, 6.4  # whole calls of the network


def counted(stage: str, push: Callable[[Any], Any], pieces: Sequence[Any]) -> list[Any]:
    """Run a stage in a child, without its first pieces, and print the IDs of both processes and the stage's name."""
    warm = round(len(pieces) * WARM_UP_S / (WARM_UP_S + COUNTED_S))
    outputs = [push(piece) for piece in pieces[:warm]]
    children = [_child(push, pieces[:0]), _child(push, pieces[warm:])]
    print(*children, stage, flush=True)
    return outputs + [push(piece) for piece in pieces[warm:]]


def _child(push: Callable[[Any], Any], pieces: Sequence[Any]) -> int:
    child = os.fork()
    if not child:
        for piece in pieces:
            push(piece)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(1)  # the child has printed why
    return child


def main() -> None:
    """Run all stages on noise and a call of a quarter second every second.

    They are computed with integers, because sines may differ between processors.
    """
    at = np.arange(round((WARM_UP_S + COUNTED_S) * SAMPLE_RATE_HZ))
    call = np.where(at // 6 % 2, 6000, -6000) * (at % SAMPLE_RATE_HZ < SAMPLE_RATE_HZ // 4)
    noise = np.random.default_rng(0).integers(-300, 301, len(at))
    samples = ((call + noise) / 32768).astype(np.float32)
    run_stages(Model(DEFAULT_MODEL), samples, SAMPLE_RATE_HZ, BLOCK_SAMPLES, counted)


if __name__ == "__main__":
    main()
