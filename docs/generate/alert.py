"""An example alert as a webhook receives it, built by the code that sends it."""

from __future__ import annotations

import json

from birdedge.edge.integrations.alert_message import AlertMessage

EXAMPLE = AlertMessage(
    "6f1c0b9e5d2a4c7f8e3b1a0d9c8b7a6f",
    "no_audio",
    "no_audio",
    "firing",
    "oak3",
    "Oak 3",
    "oak3: there is no microphone, last audio 4 min ago",
    1_777_609_867.0,
)


def alert_block() -> str:
    """Return the example as a block of JSON."""
    return f"```json\n{json.dumps(EXAMPLE.payload(), indent=2)}\n```\n"
