"""What birdedge does, by part: its network alone, and the whole way from samples to events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES, LIVE_BLOCK_S
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.segmenter import Segmenter


def load(samples: NDArray[np.float32], sample_rate_hz: int, part: str, model_name: str) -> Callable[[], None]:
    """See worker.py; `part` is network, file (blocks as from a file) or live (blocks as from a microphone)."""
    model = Model(model_name)
    segmenter = Segmenter(model)
    segmenter.input[:] = np.random.default_rng(0).standard_normal(segmenter.input.shape, np.float32)
    sound_s = len(samples) / sample_rate_hz
    calls = round(sound_s / (model.card.chunk_frames * model.card.grid.hop_s))
    block_samples = round(LIVE_BLOCK_S * sample_rate_hz) if part == "live" else FAST_BLOCK_SAMPLES

    def network() -> None:
        for _ in range(calls):
            segmenter.call()

    def pipeline() -> None:
        whole = Pipeline(model, sample_rate_hz, 1)
        for at in range(0, len(samples), block_samples):
            whole.push(samples[at : at + block_samples])
        whole.flush()

    return network if part == "network" else pipeline
