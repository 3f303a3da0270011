"""Alerts and their messages, with defaults for the values that a test does not care about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from birdedge.edge.integrations.alert_message import AlertMessage

MESSAGE = AlertMessage(
    "0123456789abcdef",
    "no_audio",
    "no_audio",
    "firing",
    "oak",
    "Oak 3",
    "oak: there is no microphone",
    1_777_609_867.0,
)


def message(**changes: Any) -> AlertMessage:
    """Return a message."""
    return replace(MESSAGE, **changes)
