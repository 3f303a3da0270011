"""Gaps: time in which nothing was heard, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

GapCause = Literal[
    "overrun",
    "device lost",
    "stream lost",
    "stream stalled",
    "too slow",
    "paused by schedule",
    "stopped",
    "power lost",
    "restart",
]
CAUSES: tuple[GapCause, ...] = get_args(GapCause)
PAUSED: GapCause = "paused by schedule"
# After these causes the device is reopened, so only a clock knows how long the gap lasted.
REOPENED: frozenset[GapCause] = frozenset({"device lost", "stream lost", "stream stalled", PAUSED})


@dataclass(frozen=True)
class Gap:
    """Time in which nothing was heard."""

    utc_s: float  # its start
    length_s: float | None  # until now if it still lasts; None if no clock measured it
    cause: str
    lasts: bool = False

    @property
    def known_s(self) -> float:
        """The length, or 0 if it is unknown."""
        return 0.0 if self.length_s is None else self.length_s
