"""A model: its card and its onnxruntime session, which must agree."""

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
    """A model opened for one thread, by the name of a bundled model or the path of a model file.

    Args:
        name_or_path: The name or path.
        profile: Prefix of the file to which `session.end_profiling()` writes the time of each node.

    Attributes:
        path: The model file.
        card: Its card.
        session: Its onnxruntime session.

    Raises:
        ModelMissingError: There is no such file and no such bundled model.
        ModelFileError: The file is not a complete model, or its card is missing or contradicts the graph.
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
            session.run(None, {"frames": silence, **states})  # some damage appears only here
            return session
        except Exception as error:  # onnxruntime raises a different class for each kind of damage
            raise ModelFileError(
                f"{self.path} is not a model that onnxruntime can run ({_first_line(error)}); "
                "give a complete .onnx file that `birdedge export` wrote"
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
                f"{self.path} has a card that contradicts itself: {frames} frames per call with a time stride of "
                f"{stride}, groups of {group} and a lookahead of {card.lookahead_frames} on {grid}; "
                "export the model again"
            )


def session_options() -> onnxruntime.SessionOptions:
    """Return options for one thread without spinning, and int8 arithmetic on every processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Otherwise layers with int8 (not uint8) activations are computed in float on x86 and in int8 on ARM.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    options.log_severity_level = 4  # errors are raised as exceptions
    return options


def _first_line(error: Any) -> str:
    text = str(error).strip().splitlines()
    return text[0][:160] if text else type(error).__name__
