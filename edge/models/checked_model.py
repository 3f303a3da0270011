"""A model file whose card agrees with itself and with the graph, checked without onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from birdedge.edge.errors import ModelFileError, SettingsError
from birdedge.edge.models.bounds import check_bounds
from birdedge.edge.models.card import ModelCard, card_from_metadata
from birdedge.edge.models.names import find_model
from birdedge.edge.models.validation import ModelFile, read_content, validate


@dataclass(frozen=True)
class CheckedModel:
    """The path, card and content of a model file that passed all checks."""

    path: Path
    card: ModelCard
    content: bytes


def check_model(name_or_path: str | Path) -> CheckedModel:
    """Read and check a model by the name of a bundled model or the path of a model file.

    Raises:
        ModelMissingError: There is no such file and no such bundled model.
        ModelFileError: The file is not a complete model, or its card is missing or contradicts the graph.
    """
    path = find_model(name_or_path)
    return check_content(read_content(path), path)


def check_content(content: bytes, path: Path) -> CheckedModel:
    """Check the content of the model file `path`.

    Raises:
        ModelFileError: The file is not a complete model, or its card is missing or contradicts the graph.
    """
    file = validate(content, path)
    card = card_from_metadata(file.metadata, str(path))
    _check_card(card, path)
    _check_graph(card, file, path)
    return CheckedModel(path, card, content)


def _check_card(card: ModelCard, path: Path) -> None:
    try:
        check_bounds(card)
    except SettingsError as error:
        raise ModelFileError(f"{path} has a malformed card: {error}; export the model again") from error
    grid = card.grid
    frames, stride, group = card.chunk_frames, card.time_stride_frames, card.scaling.group_frames
    if not (
        frames % stride == frames % group == 0
        and card.lookahead_frames % stride == 0
        and grid.bins % card.class_bins == 0
        and len(card.classes) >= 2
        and grid.hop % grid.windows == 0
        and grid.window_hop <= grid.n_fft
        and grid.bins <= grid.n_fft // 2
    ):
        raise ModelFileError(
            f"{path} has a card that contradicts itself: {frames} frames per call with a time stride of "
            f"{stride}, groups of {group} and a lookahead of {card.lookahead_frames} on {grid}; "
            "export the model again"
        )


def _check_graph(card: ModelCard, file: ModelFile, path: Path) -> None:
    bins, frames = card.grid.bins, card.chunk_frames
    states = {s.name: (s.dtype, s.shape) for s in card.states}
    inputs = {"frames": ("float32", (1, 2, frames, bins)), **states}
    cells = frames // card.time_stride_frames, bins // card.class_bins
    outputs = {
        "mask": ("float32", (1, frames, bins)),
        "classes": ("float32", (1, *cells, len(card.classes))),
        **{f"next_{n}": s for n, s in states.items()},
    }
    for kind, by_card, in_graph in (("input", inputs, file.inputs), ("output", outputs, file.outputs)):
        if by_card != in_graph:
            name = sorted(set(by_card.items()) ^ set(in_graph.items()), key=str)[0][0]
            raise ModelFileError(
                f"{path} has a card that contradicts its graph: {kind} {name!r} is "
                f"{by_card.get(name)} by the card and {in_graph.get(name)} in the graph; "
                "export the model again"
            )
    macs_per_s = round(file.macs / frames * card.grid.sample_rate_hz / card.grid.hop)
    if card.macs_per_s != macs_per_s:
        raise ModelFileError(
            f"{path} has a card that contradicts its graph: macs_per_s is {card.macs_per_s} by the card and "
            f"{macs_per_s} in the graph; export the model again"
        )
