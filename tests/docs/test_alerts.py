"""The page on alerts shows the messages that are sent, and how a receiver checks them."""

from __future__ import annotations

import json
import re
import time
from typing import Any, get_args

from birdedge.edge.companion.alert_delivery import FIRST_RETRY_S, MAX_AGE_S, MAX_RETRY_S
from birdedge.edge.integrations.alerts import AlertSettings, Condition
from birdedge.edge.integrations.command import VARIABLES
from birdedge.edge.integrations.webhook import signature
from birdedge.edge.monitoring.status import STALE_S
from docs.generate.alert import EXAMPLE
from docs.generate.rooms import ROOT
from tests.support.markdown import code_blocks

PAGE = (ROOT / "docs" / "metrics-and-alerts.md").read_text(encoding="utf-8")


def test_the_receiver_example_accepts_only_genuine_messages() -> None:
    names: dict[str, Any] = {}
    exec("\n".join(code_blocks(PAGE, "python")), names)
    is_genuine = names["is_genuine"]
    for age_s, key, genuine in ((0, "key", True), (1000, "key", False), (0, "other", False)):
        timestamp, body = str(int(time.time()) - age_s), EXAMPLE.json()
        headers = {
            "X-Birdedge-Timestamp": timestamp,
            "X-Birdedge-Signature": f"sha256={signature(key, timestamp, body)}",
        }
        assert is_genuine("key", headers, body) is genuine
        assert not is_genuine("key", headers, body + b" ")


def test_every_condition_has_a_row() -> None:
    section = PAGE.partition("\n### Rules\n")[2]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)[1:] == list(get_args(Condition))


def test_the_figures_match_the_program() -> None:
    text = " ".join(PAGE.split())
    assert f"`for_s` seconds, {AlertSettings('a', 'no_audio').for_s:.0f} by default" in text
    assert f"`no_audio` holds after {STALE_S:.0f} s without audio" in text
    assert f"after {FIRST_RETRY_S:.0f} s at first" in text
    assert (MAX_RETRY_S, MAX_AGE_S) == (3600.0, 24 * 3600.0)
    assert "up to an hour" in text
    assert "given up after 24 hours" in text
    assert ", ".join(f"`{name}`" for name in VARIABLES[:-1]) + f" and `{VARIABLES[-1]}`" in text


def test_the_alert_shown_is_the_json_of_the_example() -> None:
    shown = [json.loads(block) for block in code_blocks(PAGE, "json")]
    assert shown == [EXAMPLE.payload()]
