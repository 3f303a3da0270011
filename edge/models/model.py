"""A model file: its card and its onnxruntime session, held against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.card import ModelCard, card_from_metadata
from birdedge.edge.models.names import DEFAULT_MODEL, find_model
from birdedge.edge.models.validation import ModelFile, read_model_file
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ


class Model:
    """Opens a bundled model by name, or a model file by path, for one thread.

    With `profile`, onnxruntime times each node; `session.end_profiling()` writes that to a file of this prefix.

    Attributes:
        path, card, session: the file, what it says of itself, and the onnxruntime session.

    Raises:
        ModelMissingError: no such file and no such bundled model.
        ModelFileError: not a whole model file, or a card that is missing or contradicts the graph; no session was made.
    """

    def __init__(self, name_or_path: str | Path = DEFAULT_MODEL, profile: Path | None = None) -> None:
        self.path = find_model(name_or_path)
        file = read_model_file(self.path)
        self.card: ModelCard = card_from_metadata(file.metadata, str(self.path))
        self._refuse_impossible_card()
        self._compare_with_graph(file)
        self.session = self._session(file.content, profile)

    def _session(self, content: bytes, profile: Path | None) -> onnxruntime.InferenceSession:
        options = session_options()
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        try:
            session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=False
            )
            silence = np.zeros((1, 2, self.card.chunk_frames, self.card.grid.bins), np.float32)
            states = {s.name: np.full(s.shape, s.initial, s.dtype) for s in self.card.states}
            session.run(None, {"frames": silence, **states})  # some damage shows only now
            return session
        except Exception as error:  # onnxruntime has a class for each kind of damage
            raise ModelFileError(
                f"{self.path} is not a model that onnxruntime can run ({_first_line(error)}); "
                "give a whole .onnx file that `birdedge export` wrote"
            ) from error

    def _compare_with_graph(self, file: ModelFile) -> None:
        card = self.card
        bins, frames = card.grid.bins, card.chunk_frames
        states = {s.name: (s.dtype, s.shape) for s in card.states}
        inputs = {"frames": ("float32", (1, 2, frames, bins)), **states}
        outputs = {"mask": ("float32", (1, frames, bins)), **{f"next_{n}": s for n, s in states.items()}}
        for kind, by_card, in_graph in (("input", inputs, file.inputs), ("output", outputs, file.outputs)):
            if by_card != in_graph:
                name = sorted(set(by_card.items()) ^ set(in_graph.items()), key=str)[0][0]
                raise ModelFileError(
                    f"{self.path} has a card that contradicts its graph: {kind} {name!r} is "
                    f"{by_card.get(name)} by the card and {in_graph.get(name)} in the graph; "
                    "export the model again"
                )

    def _refuse_impossible_card(self) -> None:
        card, grid = self.card, self.card.grid
        frames, stride, group = card.chunk_frames, card.time_stride_frames, card.scaling.group_frames
        if not (
            min(frames, stride, group) >= 1
            and frames % stride == frames % group == 0
            and card.lookahead_frames >= 0
            and 1 <= grid.hop <= grid.n_fft
            and 1 <= grid.bins <= grid.n_fft // 2
            and MIN_RATE_HZ <= grid.sample_rate_hz <= MAX_RATE_HZ
        ):
            raise ModelFileError(
                f"{self.path} has a card that contradicts itself: {frames} frames a call with a time stride of "
                f"{stride}, groups of {group} and a lookahead of {card.lookahead_frames} on {grid}; "
                "export the model again"
            )


def session_options() -> onnxruntime.SessionOptions:
    """One thread that does not spin, and int8 that is computed as int8 on every processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Else layers that pass on int8, not uint8, are computed in float on x86 and in int8 on ARM.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.log_severity_level = 4  # errors come as exceptions
    return options


def _first_line(error: Any) -> str:
    text = str(error).strip().splitlines()
    return text[0][:160] if text else type(error).__name__
