"""The figures that a model card keeps: those used to choose a model, without tables or individual recordings."""

from __future__ import annotations

from typing import Any

from birdedge.train.evaluation.figures import EvaluationFigures

LEFT_OUT = (
    "each",
    "kinds",
    "dice_interval",
    "pr_auc_interval",
    "event_recall_below_1200_hz",
    "event_recall_below_1200_hz_interval",
    "event_recall_above_1200_hz",
    "event_recall_above_1200_hz_interval",
)


def card_figures(figures: EvaluationFigures) -> dict[str, Any]:
    """Return the card's part of the figures as plain values, by section."""
    card: dict[str, Any] = {"threshold": figures.threshold, "split": figures.split}
    card |= {name: _kept(masks.to_dict()) for name, masks in figures.masks.items()}
    card |= {name: _kept(recall.to_dict()) for name, recall in figures.recall.items()}
    if figures.noise is not None:
        card["noise"] = _kept(figures.noise.to_dict())
        card["noise_per_hour"] = {kind: found.per_hour for kind, found in figures.noise.kinds.items()}
    if figures.presence is not None:
        card["presence"] = _kept(figures.presence.to_dict())
    if figures.masks:
        card["level_change"] = {name: levels.max_change for name, levels in figures.levels.items()}
        card["calibration_error"] = {name: table.error for name, table in figures.calibration.items()}
    return card


def _kept(section: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in section.items() if key not in LEFT_OUT}
