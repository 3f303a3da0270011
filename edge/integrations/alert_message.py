"""The message of an alert, as all targets get it."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

SCHEMA = 1
TITLES = {  # condition: title
    "no_audio": "hears nothing",
    "problem": "needs attention",
    "coverage": "misses audio",
    "disk": "disk is nearly full",
    "clock": "clock is off",
    "hot": "too hot",
    "silence": "no bird for long",
    "first_bird": "first bird of the day",
    "many_events": "many birds",
    "test": "test message",
}


@dataclass(frozen=True)
class AlertMessage:
    """One message; `id` is the same in each attempt to deliver it."""

    id: str
    alert: str  # its name
    when: str  # its condition
    state: Literal["firing", "resolved", "test"]
    recorder: str
    site: str
    text: str  # a sentence
    utc_s: float  # when it was created

    @property
    def title(self) -> str:
        """A title of a few words."""
        end = ": resolved" if self.state == "resolved" else ""
        return f"{self.site or self.recorder}: {TITLES[self.when]}{end}"

    def payload(self) -> dict[str, Any]:
        """Return the message for JSON; docs/metrics-and-alerts.md describes it."""
        table = asdict(self)
        utc = datetime.fromtimestamp(table.pop("utc_s"), UTC)
        time = utc.isoformat(timespec="seconds").replace("+00:00", "Z")
        return {"schema": SCHEMA, **table, "title": self.title, "time": time}

    def json(self) -> bytes:
        """Return the payload as bytes."""
        return json.dumps(self.payload(), ensure_ascii=False).encode("utf-8", "replace")


def new_id() -> str:
    """Return a unique message id."""
    return secrets.token_hex(16)
