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
# After these the device was opened again: how long they lasted only a clock knows.
REOPENED: frozenset[GapCause] = frozenset({"device lost", "stream lost", "stream stalled", PAUSED})


@dataclass(frozen=True)
class Gap:
    """Time in which nothing was heard."""

    utc_s: float  # its start
    length_s: float | None  # until now where it still lasts; None where no clock knows
    cause: str
    lasts: bool = False

    @property
    def known_s(self) -> float:
        """The length as far as it is known: 0 where it is not."""
        return 0.0 if self.length_s is None else self.length_s
