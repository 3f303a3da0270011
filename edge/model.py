"""A model file: its card and its onnxruntime session, held against each other."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import onnxruntime

from birdedge.edge.card import ModelCard, card_from_metadata
from birdedge.edge.errors import ModelFileError, ModelMissingError
from birdedge.edge.resample import HIGHEST_RATE_HZ, LOWEST_RATE_HZ

DEFAULT_MODEL = "birdedge-int8"


def bundled_models() -> dict[str, Path]:
    """The models that come with birdedge, by name."""
    folder = resources.files("birdedge.edge") / "models"
    return {p.name.removesuffix(".onnx"): Path(str(p)) for p in folder.iterdir() if p.name.endswith(".onnx")}


class Model:
    """Opens a bundled model by name, or a model file by path, for one thread.

    Attributes:
        path, card, session: the file, what it says of itself, and the onnxruntime session.

    Raises:
        ModelMissingError: no such file and no such bundled model.
        ModelFileError: not an ONNX model, no card, or a card that contradicts the graph.
    """

    def __init__(self, name_or_path: str | Path = DEFAULT_MODEL) -> None:
        self.path = _find(name_or_path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4  # errors come as exceptions
        try:
            self.session = onnxruntime.InferenceSession(
                str(self.path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has a class for each kind of damage
            raise ModelFileError(
                f"{self.path} is not a model that onnxruntime can run ({_first_line(error)}); "
                "give a whole .onnx file that `birdedge export` wrote"
            ) from error
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.card: ModelCard = card_from_metadata(metadata, str(self.path))
        self._refuse_impossible_card()
        self._compare_with_graph()

    def _compare_with_graph(self) -> None:
        card = self.card
        bins, frames = card.grid.bins, card.chunk_frames
        inputs = {"frames": (1, 2, frames, bins), **{s.name: s.shape for s in card.states}}
        outputs = {"mask": (1, frames, bins), **{f"next_{s.name}": s.shape for s in card.states}}
        for kind, said, found in (
            ("input", inputs, self.session.get_inputs()),
            ("output", outputs, self.session.get_outputs()),
        ):
            by_card = {name: ("tensor(float)", shape) for name, shape in said.items()}
            in_graph = {node.name: (node.type, tuple(node.shape)) for node in found}
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
            and LOWEST_RATE_HZ <= grid.sample_rate_hz <= HIGHEST_RATE_HZ
        ):
            raise ModelFileError(
                f"{self.path} has a card that contradicts itself: {frames} frames a call with a time stride of "
                f"{stride}, groups of {group} and a lookahead of {card.lookahead_frames} on {grid}; "
                "export the model again"
            )


def _find(name_or_path: str | Path) -> Path:
    path = Path(name_or_path)
    bundled = bundled_models()
    if path.is_file():
        return path
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    if path.is_dir():
        raise ModelFileError(f"{path} is a directory; give an .onnx file")
    raise ModelMissingError(
        f"there is no model {str(name_or_path)!r}; give the path of an .onnx file or one of "
        f"{', '.join(sorted(bundled)) or '(none is bundled)'}"
    )


def _first_line(error: Any) -> str:
    text = str(error).strip().splitlines()
    return text[0][:160] if text else type(error).__name__
