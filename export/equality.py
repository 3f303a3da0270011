"""Comparison of the forms of a network: torch, ONNX, and streams with any number of frames per call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from birdedge.edge.grid import Grid
from birdedge.edge.models.settings import InputScaling
from birdedge.edge.pipeline.noise_floor import NetworkInput
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.export.errors import ExportError
from birdedge.export.quantize import run_stream
from birdedge.train.networks.unet import UNet

Float32 = NDArray[np.float32]

TORCH_LIMIT = 1e-4
SEQUENCE_FRAMES = 512


def hard_sequences(grid: Grid, scaling: InputScaling) -> list[Float32]:
    """Return network input `[2, 512, bins]` of difficult audio: soundscape, silence, clipping, full-scale noise."""
    n = (SEQUENCE_FRAMES - 1) * grid.hop + grid.span
    rng = np.random.default_rng(0)
    scene = soundscape(n / grid.sample_rate_hz + 1, seed=3, calls_per_minute=60).samples[:n]
    signals = [
        scene,
        np.zeros(n, np.float32),
        np.clip(scene * 100, -1, 1),
        rng.uniform(-1, 1, n).astype(np.float32),
        np.concatenate([np.zeros(n // 2, np.float32), scene[n // 2 :]]),
    ]
    return [NetworkInput(scaling).push(Spectrogram(grid).push(s)[:SEQUENCE_FRAMES])[0] for s in signals]


def compare_with_torch(network: UNet, model: onnx.ModelProto, sequences: Sequence[Float32]) -> float:
    """Return the maximum difference between torch on whole sequences and the fp32 graph as a stream.

    Raises:
        ExportError: The difference is above 1e-4.
    """
    worst = 0.0
    for sequence in sequences:
        with torch.no_grad():
            logits, class_logits, _ = network(torch.from_numpy(sequence[None]))
        offline = torch.sigmoid(logits)[0].numpy(), class_logits[0].permute(1, 2, 0).numpy()
        worst = max(worst, _difference(offline, run_stream(model, sequence)))
    if not worst <= TORCH_LIMIT:
        raise ExportError(
            f"torch and ONNX differ by {worst:.2g}, more than {TORCH_LIMIT:g}; nothing was written: "
            "please report this with the checkpoint and the versions of torch and onnx"
        )
    return worst


def compare_chunkings(
    models: Mapping[int, onnx.ModelProto], sequences: Sequence[Float32], limit: float, what: str
) -> float:
    """Return the maximum difference between streams of the same network with calls of different lengths.

    Args:
        models: Graphs by frames per call; the one with the longest calls is the offline reference.
        sequences: Network input, each `[2, frames, bins]`.
        limit: Maximum difference that is allowed.
        what: Precision, for the error message.

    Raises:
        ExportError: The difference is above `limit`.
    """
    worst = 0.0
    longest = max(models)
    for sequence in sequences:
        reference = run_stream(models[longest], sequence)
        for chunk, model in models.items():
            if chunk == longest:
                continue
            worst = max(worst, _difference(run_stream(model, sequence), reference))
            if not worst <= limit:
                raise ExportError(
                    f"the {what} stream of {chunk}-frame calls differs from offline by {worst:.2g}, more than "
                    f"{limit:g}; nothing was written: please report this with the checkpoint and the version of "
                    "onnxruntime"
                )
    return worst


def _difference(a: tuple[Float32, Float32], b: tuple[Float32, Float32]) -> float:
    """Return the maximum difference of two masks, and of the class probabilities, over their common frames."""
    rows = [min(len(x), len(y)) for x, y in zip(a, b, strict=True)]
    mask = np.abs(a[0][: rows[0]] - b[0][: rows[0]])
    classes = np.abs(softmax(a[1][: rows[1]], axis=-1) - softmax(b[1][: rows[1]], axis=-1))
    return max(float(mask.max()), float(classes.max()))
