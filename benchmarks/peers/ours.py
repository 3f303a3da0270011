"""birdedge in a worker process: the network alone, or the pipeline from samples to events."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.audio.sources import FAST_BLOCK_SAMPLES, LIVE_BLOCK_S
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.pipeline import Pipeline
from birdedge.edge.pipeline.segmenter import Segmenter


def load(samples: NDArray[np.float32], sample_rate_hz: int, part: str, model_name: str) -> Callable[[], None]:
    """Return a function that processes the samples once (see worker.py).

    Args:
        samples: Mono audio, `[samples]`.
        sample_rate_hz: Its sample rate.
        part: "network", or the pipeline with the blocks of a "file" or of a microphone ("live").
        model_name: Name or path of the model.
    """
    model = Model(model_name)
    segmenter = Segmenter(model)
    segmenter.input[:] = np.random.default_rng(0).standard_normal(segmenter.input.shape, np.float32)
    audio_s = len(samples) / sample_rate_hz
    calls = round(audio_s / (model.card.chunk_frames * model.card.grid.hop_s))
    block_samples = round(LIVE_BLOCK_S * sample_rate_hz) if part == "live" else FAST_BLOCK_SAMPLES

    def run_network() -> None:
        for _ in range(calls):
            segmenter.call()

    def run_pipeline() -> None:
        pipeline = Pipeline(model, sample_rate_hz, 1)
        for at in range(0, len(samples), block_samples):
            pipeline.push(samples[at : at + block_samples])
        pipeline.flush()

    return run_network if part == "network" else run_pipeline
