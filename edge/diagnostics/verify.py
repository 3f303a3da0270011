"""Checks that a model file does here what it did where it was exported: `birdedge verify`, on the recorder too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.edge.pipeline.spectrogram import Spectrogram
from birdedge.edge.synthesis.soundscape import soundscape

Float32 = NDArray[np.float32]

STREAM_LIMIT = 1e-5  # fp32; int8 must be equal
ANSWER_FRAMES = 256
ANSWER_STEP = 241  # of the mask's values, every so many is kept
ANSWER_LIMITS = {"int8": 1e-6, "fp32": 1e-3}  # the last digits of a float differ between processors
SCENE_S = 8.0
PUSHES_FRAMES = (1, 7, 64)


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it held, and what was found."""

    name: str
    passed: bool
    found: str


def verify_model(model: Model) -> list[Check]:
    """The stream equals its offline form, and the network answers as it did at export."""
    return [_check_stream(model), _check_answer(model)]


def known_answer(model: Model) -> tuple[float, ...]:
    """Some of the mask of an input made of whole steps, which every processor can write down exactly."""
    card = model.card
    rng = np.random.default_rng(0)
    frames = np.arange(max(ANSWER_FRAMES, card.chunk_frames))
    x = rng.integers(-24, 24, (2, len(frames), card.grid.bins)).astype(np.float32)
    for speed in (1, 2, 5):  # lines that rise as calls do
        for thick in range(3):
            x[0, frames, (speed * frames // 2 + 40 * speed + thick) % card.grid.bins] += 96
    mask = run_network(model, x / np.float32(32))[:ANSWER_FRAMES]
    return tuple(round(float(value), 7) for value in mask.ravel()[::ANSWER_STEP])


def run_network(model: Model, x: Float32) -> Float32:
    """The network alone: input `[2, frames, bins]` to mask `[frames, bins]`, whole chunks, lookahead still on."""
    card = model.card
    states = {s.name: np.full(s.shape, s.initial, s.dtype) for s in card.states}
    names = [f"next_{name}" for name in states]
    masks = []
    for at in range(0, x.shape[1] // card.chunk_frames * card.chunk_frames, card.chunk_frames):
        feeds = {"frames": x[None, :, at : at + card.chunk_frames], **states}
        mask, *kept = model.session.run(["mask", *names], feeds)
        states = dict(zip(states, kept, strict=True))
        masks.append(mask[0])
    return np.concatenate(masks)


def _check_stream(model: Model) -> Check:
    spectrogram = Spectrogram(model.card.grid)
    sound = soundscape(SCENE_S, seed=5, sample_rate_hz=model.card.grid.sample_rate_hz).samples
    frames = np.concatenate([spectrogram.push(sound), spectrogram.flush()])
    whole = _segmented(model, frames, len(frames))
    worst = max(float(np.abs(_segmented(model, frames, n) - whole).max()) for n in PUSHES_FRAMES)
    limit = 0.0 if model.card.precision == "int8" else STREAM_LIMIT
    return Check("stream equals offline", worst <= limit, f"greatest difference {worst:.1e}")


def _segmented(model: Model, frames: Float32, pushed: int) -> Float32:
    segmenter = Segmenter(model)
    pieces = [segmenter.push(frames[at : at + pushed]).mask for at in range(0, len(frames), pushed)]
    return np.concatenate([*pieces, segmenter.flush().mask])


def _check_answer(model: Model) -> Check:
    then, now = np.asarray(model.card.answer), np.asarray(known_answer(model))
    if then.shape != now.shape:
        return Check("answers as at export", False, "the card holds no answer: export the model again")
    worst = float(np.abs(then - now).max())
    limit = ANSWER_LIMITS[model.card.precision]
    return Check(
        "answers as at export", worst <= limit, f"greatest difference {worst:.1e} of {limit:.0e} allowed"
    )
