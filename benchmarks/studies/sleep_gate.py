"""Gates that let the network sleep: their features, their training, and the segmenter that obeys one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.segmenter import Segmenter
from birdedge.train.data.stft import GRID

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
HOLD_CHUNKS = 3  # a gate stays open for this long
BAND_BINS, GROUP_FRAMES = 8, 4
RECENT_CHUNKS = 16  # the time constant of the features' past
EPOCHS, BATCH, RATE, DECAY = 20, 1024, np.float32(0.01), np.float32(0.01)


class GatedSegmenter(Segmenter):
    """A segmenter that sees zeros where a gate is closed, and skips the calls whose result is known.

    Args:
        model: The model.
        is_open: Whether the gate is open in each chunk of the stream; later chunks repeat the last value.
        awake_chunks: Closed chunks in a row that still call the network. With fewer than the network remembers, it
            forgets the rest when it falls asleep.

    Attributes:
        slept: The calls skipped so far.
    """

    def __init__(self, model: Model, is_open: Bool, awake_chunks: int) -> None:
        super().__init__(model)
        self._is_open, self._awake_chunks = is_open, awake_chunks
        self._chunk = self.slept = 0
        for _ in range(memory_chunks(model)):  # it starts asleep
            super().call()
        self._closed = awake_chunks
        self._quiet = [a.copy() for a in (self._mask, self._classes, *self._states[self._turn])]

    def call(self) -> None:
        """Run the network on the chunk, or on zeros, or not at all."""
        is_open = bool(self._is_open[min(self._chunk, len(self._is_open) - 1)])
        self._chunk += 1
        self._closed = 0 if is_open else self._closed + 1
        if self._closed <= self._awake_chunks:
            if not is_open:
                self.input[:] = 0
            super().call()
            return
        self.slept += 1
        for array, quiet in zip(
            (self._mask, self._classes, *self._states[self._turn]), self._quiet, strict=True
        ):
            array[:] = quiet


def memory_chunks(model: Model) -> int:
    """Return the number of zero chunks after which the states, the mask and the class map are constant."""
    card = model.card
    return -(-round(card.past_s / card.grid.hop_s) // card.chunk_frames) + 1


def features(x: Float32, chunk_frames: int) -> Float32:
    """Return the features of each chunk of the network input: `[2, frames, bins] -> [chunks, features]`.

    They are the highest and the mean level of each band above the floor (now, one chunk earlier, and on average over
    about two seconds) and the shape of the floor.
    """
    above, shape = x.reshape(2, -1, chunk_frames, GRID.bins // BAND_BINS, BAND_BINS)
    groups = above.reshape(len(above), -1, GROUP_FRAMES, *above.shape[2:]).mean(axis=2)
    now = np.concatenate([groups.max(axis=(1, 3)), groups.mean(axis=(1, 3))], axis=1)
    before = np.concatenate([now[:1], now[:-1]])
    start = now[:1] * (1 - 1 / RECENT_CHUNKS)
    recent, _ = lfilter([1 / RECENT_CHUNKS], [1, 1 / RECENT_CHUNKS - 1], now, axis=0, zi=start)
    return np.concatenate([now, before, recent, shape.mean(axis=(1, 3))], axis=1, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Layers:
    """A network of linear maps with rectifiers in between."""

    layers: tuple[tuple[Float32, Float32], ...]

    def __call__(self, x: Float32) -> Float32:
        """Return the log odds of each row, `[rows, features] -> [rows]`."""
        for number, (weight, bias) in enumerate(self.layers):
            x = (np.maximum(x, 0) if number else x) @ weight + bias
        return x[:, 0]


def learned(x: Float32, is_bird: Bool, hidden: int) -> Layers:
    """Return a network with one hidden layer that finds chunks with a bird, trained on cross-entropy with Adam."""
    rng = np.random.default_rng(0)
    mean, deviation = x.mean(axis=0), x.std(axis=0) + np.float32(1e-3)
    x = (x - mean) / deviation
    sizes = (x.shape[1], hidden), (hidden,), (hidden, 1), (1,)
    weights: list[Float32] = [
        np.asarray(rng.normal(0, (2 / size[0]) ** 0.5, size) * (len(size) > 1), np.float32) for size in sizes
    ]
    means, squares = ([np.zeros_like(weight) for weight in weights] for _ in range(2))
    steps, step = EPOCHS * -(-len(x) // BATCH), 0
    for _ in range(EPOCHS):
        for rows in np.split(rng.permutation(len(x)), range(BATCH, len(x), BATCH)):
            step += 1
            rate = RATE * np.sin(np.pi * step / (steps + 1)) ** 2
            gradients = _gradients(weights, x[rows], is_bird[rows])
            for weight, gradient, first, square in zip(weights, gradients, means, squares, strict=True):
                first += 0.1 * (gradient - first)  # noqa: PLW2901 - in place
                square += 0.001 * (gradient**2 - square)  # noqa: PLW2901
                move = first / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
                weight -= rate * (move + DECAY * weight)  # noqa: PLW2901
    weight = weights[0] / deviation[:, None]
    return Layers(((weight, weights[1] - mean @ weight), (weights[2], weights[3])))


def _gradients(weights: list[Float32], x: Float32, is_bird: Bool) -> list[Float32]:
    """Return the gradients of the mean cross-entropy with respect to each of the weights."""
    weight_1, bias_1, weight_2, bias_2 = weights
    active = np.maximum(x @ weight_1 + bias_1, 0)
    error = (1 / (1 + np.exp(-np.clip(active @ weight_2 + bias_2, -30, 30))) - is_bird[:, None]) / len(x)
    back = error @ weight_2.T * (active > 0)
    return [x.T @ back, back.sum(axis=0), active.T @ error, error.sum(axis=0)]


def held_open(scores: Float32, threshold: float) -> Bool:
    """Return whether a gate is open in each chunk: it reached the threshold now or up to HOLD_CHUNKS before."""
    reached = np.concatenate([np.zeros(HOLD_CHUNKS, bool), scores >= threshold])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(reached, HOLD_CHUNKS + 1).any(axis=1), bool)


def slept(is_open: Bool, awake_chunks: int) -> int:
    """Return how many calls a segmenter that starts asleep skips."""
    count, closed = 0, awake_chunks
    for opened in is_open:
        closed = 0 if opened else closed + 1
        count += closed > awake_chunks
    return count
