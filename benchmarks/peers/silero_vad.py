"""Silero VAD in onnxruntime on one thread: consecutive windows of 512 samples with carried state.

Each window is preceded by the 64 samples before it, as in Silero's own `OnnxWrapper` at 16 kHz (MIT licence).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
from numpy.typing import NDArray

WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64


def load(samples: NDArray[np.float32], sample_rate_hz: int, model: str) -> Callable[[], None]:
    """Return a function that runs inference on each whole window of 16 kHz samples (see worker.py)."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    rate = np.array(sample_rate_hz, np.int64)

    def run() -> None:
        state = np.zeros((2, 1, 128), np.float32)
        context = np.zeros((1, CONTEXT_SAMPLES), np.float32)
        for at in range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
            window = np.concatenate([context, samples[np.newaxis, at : at + WINDOW_SAMPLES]], axis=1)
            _, state = session.run(None, {"input": window, "state": state, "sr": rate})
            context = window[:, -CONTEXT_SAMPLES:]

    return run
