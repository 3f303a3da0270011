"""Bounds of every number in a model card, so that no card takes more memory or time than a recorder has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from birdedge.edge.errors import SettingsError
from birdedge.edge.grid import Grid
from birdedge.edge.models.card import ModelCard, State
from birdedge.edge.models.settings import EventSettings, InputScaling
from birdedge.edge.sample_rates import MAX_RATE_HZ, MIN_RATE_HZ

MAX_CHUNK_FRAMES = 512
MAX_CELLS_PER_S = 2**17  # bins of the mask per second of audio; the bundled models have 32,000
MAX_MACS_PER_S = 4_000_000_000
MAX_ITEMS = {"states": 256, "classes": 64, "training_data": 4096, "answer": 4096}
# These texts are logged and stored with each clip.
MAX_CHARACTERS = {"name": 100, "birdedge_version": 50, "licence": 300}
INITIAL_VALUES = {"float32": (-1e6, 1e6), "uint8": (0, 255), "int8": (-128, 127)}

BOUNDS: dict[type, dict[str, tuple[float, float]]] = {
    Grid: {
        "sample_rate_hz": (MIN_RATE_HZ, MAX_RATE_HZ),
        "n_fft": (32, 8192),
        "hop": (8, 8192),
        "bins": (1, 4096),
        "magnitude_floor": (1e-12, 1.0),
        "windows": (1, 8),
    },
    InputScaling: {
        "group_frames": (1, MAX_CHUNK_FRAMES),
        "rise_frames": (1.0, 1e6),
        "fall_frames": (1.0, 1e6),
        "min_np": (-100.0, 100.0),
        "max_np": (-100.0, 100.0),
        "max_shape_np": (0.0, 100.0),
        "gain": (1e-3, 1e3),
    },
    EventSettings: {
        "low_threshold": (0.0, 1.0),
        "high_threshold": (0.0, 1.0),
        "min_score": (0.0, 1.0),
        "follow_score": (0.0, 1.0),
        "follow_s": (0.0, 60.0),
        "gap_s": (0.0, 10.0),
        "gap_hz": (0.0, 20_000.0),
        "min_duration_s": (0.0, 60.0),
        "min_area_hz_s": (0.0, 1e6),
        "max_duration_s": (1.0, 60.0),
        "saddle_db": (0.0, 200.0),
        "max_fill": (0.0, 1.0),
        "box_range_db": (0.0, 200.0),
    },
    State: {"shape": (1, 2**20), "initial": (-1e6, 1e6)},
    ModelCard: {
        "card_version": (1, 1000),
        "chunk_frames": (1, MAX_CHUNK_FRAMES),
        "time_stride_frames": (1, MAX_CHUNK_FRAMES),
        "lookahead_frames": (0, 1024),
        "past_s": (0.0, 3600.0),
        "class_bins": (1, 4096),
        "parameters": (0, 2**23),
        "macs_per_s": (0, MAX_MACS_PER_S),
        "answer": (-1e6, 1e6),
    },
}
ROW = {"kind": str, "tier": str, "licence": str, "source": str, "files": int}  # of the training data


def check_bounds(card: ModelCard) -> None:
    """Check every number of a card, the rows of its training data, and the values that follow from them.

    Raises:
        SettingsError: A number is out of bounds, or a row is incomplete.
    """
    for name, number, (low, high) in _numbers(card):
        if not low <= number <= high:
            raise SettingsError(f"{name} is {number:g}; it must lie in {low:g}..{high:g}")
    for name, limit in MAX_ITEMS.items():
        if (count := len(getattr(card, name))) > limit:
            raise SettingsError(f"{name} has {count} items; at most {limit} are allowed")
    for name, limit in MAX_CHARACTERS.items():
        if len(getattr(card, name)) > limit:
            raise SettingsError(f"{name} has more than {limit} characters")
    for state in card.states:
        low, high = INITIAL_VALUES.get(state.dtype, (0, -1))
        if not low <= state.initial <= high:
            raise SettingsError(f"state {state.name!r} of type {state.dtype!r} starts with {state.initial:g}")
    for row in card.training_data:
        if {key: type(value) for key, value in row.items()} != ROW:
            raise SettingsError(f"training_data has a row without {', '.join(ROW)}")
    grid = card.grid
    if (cells := grid.bins * grid.sample_rate_hz / grid.hop) > MAX_CELLS_PER_S:
        raise SettingsError(
            f"the mask has {cells:g} bins per second of audio; at most {MAX_CELLS_PER_S} are allowed"
        )
    if card.scaling.min_np >= card.scaling.max_np:
        raise SettingsError(
            f"min_np is {card.scaling.min_np}; it must be below max_np, {card.scaling.max_np}"
        )


def _numbers(settings: Any) -> Iterator[tuple[str, float, tuple[float, float]]]:
    """Yield the name, value and bounds of each number in a dataclass and in those that it contains."""
    for field in fields(settings):
        value = getattr(settings, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if is_dataclass(item):
                yield from _numbers(item)
            elif isinstance(item, int | float):
                yield field.name, item, BOUNDS[type(settings)][field.name]
