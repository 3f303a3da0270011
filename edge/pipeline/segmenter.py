"""The streaming network: log-magnitude frames in, mask frames and class map out.

The convolutions of the network are causal. Each keeps its last input frames as an explicit state, which is an output
of one call and an input of the next. The mask of a frame is available `lookahead_frames` later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from birdedge.edge.models.model import Model
from birdedge.edge.pipeline.noise_floor import NetworkInput

Float32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SegmenterOutput:
    """Frames with their mask, all `[frames, bins]`; row t of each is the same frame.

    A row of the class map stands for the card's `time_stride_frames`; the last one of a stream may stand for fewer.
    """

    mask: Float32  # probability of bird sound, 0..1
    level: Float32  # natural logarithm of magnitude
    floor: Float32  # the noise floor of `level`, in the same unit
    classes: Float32  # [rows, columns, classes], log odds

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.mask)


class Segmenter:
    """A stateful run of the network over one stream.

    The output has as many frames as the input, including `flush`. The network always runs on the same chunks, so every
    division of the stream into pushes gives the same bits.

    Shape: `push(frames [n, bins]) -> SegmenterOutput of m frames`.

    Attributes:
        input: The input of the next `call`, `[1, 2, chunk_frames, bins]`.
        nonfinite_chunks: Chunks with NaN or infinite levels or mask values. Their mask is 0, and the states and the
            noise floor are reset after them.
    """

    def __init__(self, model: Model) -> None:
        self.card = card = model.card
        self.nonfinite_chunks = 0
        self._session = model.session
        self.input = np.zeros((1, 2, card.chunk_frames, card.grid.bins), np.float32)
        self._mask = np.zeros((1, card.chunk_frames, card.grid.bins), np.float32)
        self._cells = card.chunk_frames // card.time_stride_frames, card.grid.bins // card.class_bins
        self._classes = np.zeros((1, *self._cells, len(card.classes)), np.float32)
        # Each call reads one set of states and writes the other, so that no state is copied.
        self._states = [[np.zeros(s.shape, s.dtype) for s in card.states] for _ in range(2)]
        self._bindings = [self._bind(old, new) for old, new in (self._states, self._states[::-1])]
        self._network_input = NetworkInput(card.scaling)
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        bins = self.card.grid.bins
        self._turn = 0
        self._reset_states()
        self._levels = np.zeros((0, bins), np.float32)  # frames whose mask is not known yet
        # Which of the last frames, which do not fill a chunk yet, contain digital silence.
        self._silent = np.zeros(0, np.bool_)
        self._floors = np.zeros((0, bins), np.float32)
        # Mask frames before the start of the stream, to be discarded.
        self._early = self.card.lookahead_frames

    @property
    def missing_frames(self) -> int:
        """Frames that the next call of the network still needs, at least 1."""
        return self.card.chunk_frames - len(self._silent)

    def push(self, frames: Float32, silent: NDArray[np.bool_] | None = None) -> SegmenterOutput:
        """Return the frames whose mask these frames complete; `silent` [n] marks those with digital silence."""
        chunk = self.card.chunk_frames
        flags = np.concatenate([self._silent, np.zeros(len(frames), np.bool_) if silent is None else silent])
        whole = len(flags) // chunk * chunk
        self._silent = flags[whole:]
        self._levels = np.concatenate([self._levels, frames])
        waiting = self._levels[len(self._levels) - len(flags) :]
        if not whole:
            return self._take(self._mask[0, :0], self._classes[0, :0])
        runs = [self._run(waiting[at : at + chunk], flags[at : at + chunk]) for at in range(0, whole, chunk)]
        mask, classes, floors = runs[0]
        if len(runs) > 1:
            mask, classes, floors = (np.concatenate(parts) for parts in zip(*runs, strict=True))
        repeated = np.repeat(floors, self.card.scaling.group_frames, axis=0)
        self._floors = np.concatenate([self._floors, repeated])
        early = min(self._early, len(mask))
        self._early -= early
        return self._take(mask[early:], classes[early // self.card.time_stride_frames :])

    def flush(self) -> SegmenterOutput:
        """Return the remaining frames, as if silence followed, and start a new stream."""
        missing, bins = len(self._levels), self.card.grid.bins
        chunks = -(-(missing + self._early) // self.card.chunk_frames) if missing else 0
        silent_frames = chunks * self.card.chunk_frames - len(self._silent)
        rest = self.push(np.full((silent_frames, bins), np.log(self.card.grid.magnitude_floor), np.float32))
        self.reset()
        rows = -(-missing // self.card.time_stride_frames)
        return SegmenterOutput(
            rest.mask[:missing], rest.level[:missing], rest.floor[:missing], rest.classes[:rows]
        )

    def call(self) -> None:
        """Run the network once on `input`, and swap the two sets of states."""
        self._session.run_with_iobinding(self._bindings[self._turn])
        self._turn = 1 - self._turn

    def _run(self, frames: Float32, silent: NDArray[np.bool_]) -> tuple[Float32, Float32, Float32]:
        """Return the mask and the class map of one chunk, and the noise floor of each of its groups."""
        with np.errstate(invalid="ignore"):  # infinite levels, see below
            _, floors = self._network_input.push(frames, silent, out=self.input[0])
        self.call()
        # Quantization turns NaN into a number, so the input of an int8 network is checked too.
        if all(_is_finite(part) for part in (floors, self._mask, self._classes)):
            return self._mask[0].copy(), self._classes[0].copy(), floors
        self.nonfinite_chunks += 1
        self._reset_states()
        return np.zeros_like(self._mask[0]), np.zeros_like(self._classes[0]), floors

    def _reset_states(self) -> None:
        for array, state in zip(self._states[self._turn], self.card.states, strict=True):
            array.fill(state.initial)
        self._network_input.reset()

    def _take(self, mask: Float32, classes: Float32) -> SegmenterOutput:
        n = len(mask)
        taken = SegmenterOutput(mask, self._levels[:n], self._floors[:n], classes)
        self._levels, self._floors = self._levels[n:], self._floors[n:]
        return taken

    def _bind(self, old: list[Float32], new: list[Float32]) -> onnxruntime.IOBinding:
        """Return a binding by address: onnxruntime reads and writes the arrays in place."""
        binding = self._session.io_binding()
        names = [s.name for s in self.card.states]
        for name, array in (("frames", self.input), *zip(names, old, strict=True)):
            binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        nexts = [f"next_{name}" for name in names]
        outputs = ("mask", self._mask), ("classes", self._classes)
        for name, array in (*outputs, *zip(nexts, new, strict=True)):
            binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        return binding


def _is_finite(values: Float32) -> bool:
    """Return whether all values are finite; the sum of squares, a single pass, shows it unless it overflows."""
    return math.isfinite(np.vdot(values, values)) or bool(np.isfinite(values).all())
