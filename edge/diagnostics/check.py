"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CheckState = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True)
class Check:
    """A check's state, what it found, and how to fix a warning or failure.

    The state is `skip` if the check could not run because another one failed.
    """

    name: str
    state: CheckState
    finding: str
    fix: str = ""


def graded_check(name: str, value: float, limits: tuple[float, float], finding: str, fix: str) -> Check:
    """Return a check that warns above the first limit and fails above the second."""
    exceeded = sum(value > limit for limit in limits)
    state: CheckState = ("ok", "warn", "fail")[exceeded]
    return Check(name, state, finding, fix if exceeded else "")
