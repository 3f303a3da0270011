"""The figures that a model card keeps: those by which models are chosen, no table and no single recording."""

from __future__ import annotations

from typing import Any

LEFT_OUT = ("each", "kinds", "dice_interval", "pr_auc_interval")


def card_figures(figures: dict[str, Any]) -> dict[str, Any]:
    """Of the figures of `evaluate`; each section holds plain values and intervals."""
    kept: dict[str, Any] = {"threshold": figures["threshold"], "split": figures["split"]}
    for section, values in figures.items():
        if section == "levels":
            kept["level_change"] = {name: levels["max_change"] for name, levels in values.items()}
        elif section == "calibration":
            kept["calibration_error"] = {name: table["error"] for name, table in values.items()}
        elif isinstance(values, dict):
            kept[section] = {key: value for key, value in values.items() if key not in LEFT_OUT}
        if section == "noise":
            kept["noise_per_hour"] = {kind: found["per_hour"] for kind, found in values["kinds"].items()}
    return kept
