"""Verify that a model behaves on this machine as it did on the machine that exported it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.diagnostics.check import Check, graded_check
from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.synthesis.soundscape import soundscape

Float32 = NDArray[np.float32]

STREAM_LIMIT = 1e-5  # for fp32; int8 must be equal
ANSWER_FRAMES = 256
ANSWER_STEP = 241  # every 241st value of the mask is kept
ANSWER_LIMITS = {"int8": 1e-6, "fp32": 1e-3}  # the last digits of a float differ between processors
SCENE_S = 8.0
PUSHES_FRAMES = (1, 7, 64)
FIX = "export the model again, or report this with the type of processor"


def verify_model(model: Model) -> list[Check]:
    """Check that streamed output equals offline output, and that the network's answer equals its answer at export."""
    return [_check_stream(model), _check_answer(model)]


def known_answer(model: Model) -> tuple[float, ...]:
    """Return every 241st value of mask and class map for a fixed input, which is exact on every processor."""
    card = model.card
    rng = np.random.default_rng(0)
    frames = np.arange(max(ANSWER_FRAMES, card.chunk_frames))
    x = rng.integers(-24, 24, (2, len(frames), card.grid.bins)).astype(np.float32)
    for speed in (1, 2, 5):  # lines that rise as calls do
        for thick in range(3):
            x[0, frames, (speed * frames // 2 + 40 * speed + thick) % card.grid.bins] += 96
    mask, classes = run_network(model, x / np.float32(32))
    rows = ANSWER_FRAMES // card.time_stride_frames
    values = np.concatenate([mask[:ANSWER_FRAMES].ravel(), classes[:rows].ravel()])
    return tuple(round(float(value), 7) for value in values[::ANSWER_STEP])


def run_network(model: Model, x: Float32) -> tuple[Float32, Float32]:
    """Run only the network on complete chunks, lookahead included.

    Shape: `[2, frames, bins] -> mask [frames, bins], class map [rows, columns, classes]`.
    """
    card = model.card
    states = {s.name: np.full(s.shape, s.initial, s.dtype) for s in card.states}
    names = [f"next_{name}" for name in states]
    masks, maps = [], []
    for at in range(0, x.shape[1] // card.chunk_frames * card.chunk_frames, card.chunk_frames):
        feeds = {"frames": x[None, :, at : at + card.chunk_frames], **states}
        mask, classes, *new_states = model.session.run(["mask", "classes", *names], feeds)
        states = dict(zip(states, new_states, strict=True))
        masks.append(mask[0])
        maps.append(classes[0])
    return np.concatenate(masks), np.concatenate(maps)


def _check_stream(model: Model) -> Check:
    spectrogram = Spectrogram(model.card.grid)
    samples = soundscape(SCENE_S, seed=5, sample_rate_hz=model.card.grid.sample_rate_hz).samples
    frames = np.concatenate([spectrogram.push(samples), spectrogram.flush()])
    offline = _segment(model, frames, len(frames))
    difference = max(float(np.abs(_segment(model, frames, n) - offline).max()) for n in PUSHES_FRAMES)
    limit = 0.0 if model.card.precision == "int8" else STREAM_LIMIT
    return graded_check("stream equals offline", difference, (limit, limit), _finding(difference, limit), FIX)


def _segment(model: Model, frames: Float32, push_frames: int) -> Float32:
    segmenter = Segmenter(model)
    pieces = [segmenter.push(frames[at : at + push_frames]) for at in range(0, len(frames), push_frames)]
    pieces.append(segmenter.flush())
    mask, classes = (
        np.concatenate([getattr(p, name).ravel() for p in pieces]) for name in ("mask", "classes")
    )
    return np.concatenate([mask, classes])


def _check_answer(model: Model) -> Check:
    name = "answer equals export"
    at_export, here = np.asarray(model.card.answer), np.asarray(known_answer(model))
    if at_export.shape != here.shape:
        return Check(name, "fail", "the card contains no answer", "export the model again")
    difference = float(np.abs(at_export - here).max())
    limit = ANSWER_LIMITS[model.card.precision]
    return graded_check(name, difference, (limit, limit), _finding(difference, limit), FIX)


def _finding(difference: float, limit: float) -> str:
    return f"maximum difference {difference:.1e}, limit {limit:g}"
