"""Targets: limits that the measured figures are compared with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A limit for one figure, its measured value, and whether the limit is met."""

    name: str
    limit: str
    measured: str
    reached: bool
