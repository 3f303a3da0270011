"""A model: its card and its onnxruntime session, which must agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.card import ModelCard
from birdedge.edge.models.checked_model import CheckedModel, check_model
from birdedge.edge.models.names import DEFAULT_MODEL, bundled_models
from birdedge.edge.models.trial import try_in_child
from birdedge.edge.models.validation import ADVICE


class Model:
    """A model opened for one thread, by the name of a bundled model or the path of a model file.

    A file that is not bundled first runs in a child process.

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
        checked = check_model(name_or_path)
        if not is_bundled(checked):
            try_in_child(checked)
        self.path = checked.path
        self.card: ModelCard = checked.card
        self.session = open_session(checked, profile)

    def set_min_score(self, min_score: float | None) -> None:
        """Set the minimum probability of a bird for an event; None keeps the values of the card."""
        if min_score is not None:
            events = replace(self.card.events, min_score=min_score, follow_score=min_score)
            self.card = replace(self.card, events=events)


def is_bundled(checked: CheckedModel) -> bool:
    """Return whether a model file is a bundled one, or a copy of one."""
    paths = bundled_models().values()
    return checked.path in paths or any(
        path.stat().st_size == len(checked.content) and path.read_bytes() == checked.content for path in paths
    )


def open_session(checked: CheckedModel, profile: Path | None = None) -> onnxruntime.InferenceSession:
    """Return a session of a model, after one call of it.

    Raises:
        ModelFileError: onnxruntime cannot run it.
    """
    card, options = checked.card, session_options()
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    try:
        session = onnxruntime.InferenceSession(
            checked.content, options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
        silence = np.zeros((1, 2, card.chunk_frames, card.grid.bins), np.float32)
        states = {s.name: np.full(s.shape, s.initial, s.dtype) for s in card.states}
        session.run(None, {"frames": silence, **states})  # some damage appears only here
        return session
    except Exception as error:  # onnxruntime raises a different class for each kind of damage
        raise ModelFileError(
            f"{checked.path} is not a model that onnxruntime can run ({_first_line(error)}); {ADVICE}"
        ) from error


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
