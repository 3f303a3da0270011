"""A model card as readable text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from birdedge.edge.models.card import ModelCard
from birdedge.edge.system.printable import printable


def card_page(card: ModelCard, path: Path) -> str:
    """Return what a user needs to know about the model file `path` before using it."""
    grid = card.grid
    high_hz = grid.low_hz + (grid.bins - 1) * grid.bin_hz
    state_bytes = sum(math.prod(s.shape) * np.dtype(s.dtype).itemsize for s in card.states)
    lines = [
        f"{card.name} ({card.precision}), made with birdedge {card.birdedge_version}",
        _row("file", f"{printable(str(path))} ({path.stat().st_size / 1000:.0f} kB)"),
        _row("licence", card.licence),
        _row("input", f"{grid.sample_rate_hz} Hz mono, {grid.low_hz:g} to {high_hz:g} Hz"),
        _row("grid", f"{1000 * grid.hop_s:g} ms per frame, {grid.bins} bins of {grid.bin_hz:g} Hz"),
        _row("per call", f"{card.chunk_frames} frames ({1000 * card.chunk_frames * grid.hop_s:g} ms)"),
        _row(
            "lookahead", f"{card.lookahead_frames} frames ({1000 * card.lookahead_frames * grid.hop_s:g} ms)"
        ),
        _row("context", f"{card.past_s:.2f} s of past, and a noise floor that adapts within seconds"),
        _row("cost", f"{card.macs_per_s / 1e6:.0f} million multiply-accumulates per second of audio"),
        _row(
            "size", f"{card.parameters} parameters, {len(card.states)} states of {state_bytes / 1000:.0f} kB"
        ),
        _row(
            "threshold",
            f"probability {card.threshold:.2f}; an event is a {card.classes[0]} with a probability of at least "
            f"{card.events.min_score:g}, or {card.events.follow_score:g} within {card.events.follow_s:g} s of one in "
            "its band",
        ),
        *_table("measured", card.figures),
        *_table("quantization", card.quantization),
        "trained on",
        *(
            _row("", f"{d['files']:4d} {d['kind']} ({d['tier']}: {d['licence']}) from {d['source']}")
            for d in card.training_data
        ),
    ]
    return "\n".join(lines)


def _row(name: str, value: str) -> str:
    return f"  {name:<12} {value}"


def _table(name: str, values: Mapping[str, Any]) -> list[str]:
    if not values:
        return []
    return [name, *(f"  {key.replace('_', ' ')}: {_shown(value)}" for key, value in values.items())]


def _shown(value: Any) -> str:
    """Return a value as text; a nested table is in parentheses."""
    if not isinstance(value, Mapping):
        return str(value)
    return ", ".join(
        f"{key} ({_shown(entry)})" if isinstance(entry, Mapping) else f"{key} {entry}"
        for key, entry in value.items()
    )
