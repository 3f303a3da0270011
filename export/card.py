"""The model card of an exported network, and the model file that contains it."""

from __future__ import annotations

from typing import Any, cast

import onnx

from birdedge import __version__
from birdedge.edge.models.card import CARD_KEY, CARD_VERSION, ModelCard
from birdedge.edge.models.settings import EventSettings
from birdedge.edge.models.validation import with_digest
from birdedge.export.graph import graph_states, macs_per_frame
from birdedge.export.settings import ExportSettings, FileForm
from birdedge.train.networks.unet import CLASS_BINS, TIME_STRIDE, UNet, past_frames
from birdedge.train.training.checkpoint import Checkpoint


def draft_card(
    checkpoint: Checkpoint,
    name: str,
    form: FileForm,
    graph: onnx.ModelProto,
    settings: ExportSettings,
) -> ModelCard:
    """Return the card of a graph, without measured figures.

    Args:
        checkpoint: The trained network, its grid, and the `threshold` and `training_data` among its facts.
        name: Name of the model.
        form: Form of the graph.
        graph: The graph, whose states and cost the card lists.
        settings: Supplies the minimum scores of events.
    """
    network, facts, grid = cast(UNet, checkpoint.network), checkpoint.facts, checkpoint.recipe.grid
    threshold = float(facts["threshold"])
    training_data = tuple(facts.get("training_data", ()))
    return ModelCard(
        name=name,
        card_version=CARD_VERSION,
        birdedge_version=__version__,
        precision=form.precision,
        grid=grid,
        scaling=checkpoint.recipe.scaling,
        chunk_frames=form.chunk_frames,
        time_stride_frames=TIME_STRIDE,
        lookahead_frames=network.config.lookahead_frames,
        past_s=past_frames(network) * grid.hop_s,
        states=graph_states(graph),
        classes=network.config.classes,
        class_bins=CLASS_BINS,
        events=EventSettings(
            low_threshold=threshold,
            high_threshold=(1 + threshold) / 2,
            min_score=settings.min_score,
            follow_score=settings.follow_score,
        ),
        parameters=sum(p.numel() for p in network.parameters()),
        macs_per_s=round(macs_per_frame(graph, form.chunk_frames) * grid.sample_rate_hz / grid.hop),
        licence=_licence(training_data),
        training_data=training_data,
    )


def model_file_bytes(graph: onnx.ModelProto, card: ModelCard) -> bytes:
    """Return the model file: the graph with its card and digest."""
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    onnx.helper.set_model_props(model, {CARD_KEY: card.to_json()})
    return with_digest(model.SerializeToString(deterministic=True))


def _licence(training_data: tuple[dict[str, Any], ...]) -> str:
    """Return the licence that the recordings allow, by its SPDX identifier.

    Share-alike recordings among the open ones bind the weights.
    """
    if not training_data:
        return "unknown: the checkpoint does not say what it was trained on"
    if any(d["tier"] != "open" for d in training_data):
        return "LicenseRef-birdedge-research-weights: non-commercial (trained on restricted recordings too)"
    return "CC-BY-SA-4.0 (trained on openly licensed recordings alone)"
