"""Gaps: time in which nothing was heard, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

GapCause = Literal[
    "overrun", "device lost", "too slow", "paused by schedule", "stopped", "power lost", "restart"
]
CAUSES: tuple[GapCause, ...] = get_args(GapCause)
PAUSED: GapCause = "paused by schedule"
# After these the device was opened again: how long they lasted only a clock knows.
REOPENED: frozenset[GapCause] = frozenset({"device lost", PAUSED})


@dataclass(frozen=True)
class Gap:
    """Time in which nothing was heard."""

    utc_s: float  # its start
    length_s: float  # until now where it still lasts
    cause: str
    lasts: bool = False
