"""ntfy receives its own JSON format at the root of the server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from birdedge.edge.integrations.alerts import TargetSettings
from birdedge.edge.integrations.ntfy import send
from tests.support.alerts import message
from tests.support.http_servers import serving


def test_the_topic_of_the_url_is_sent_in_the_body(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("tk_123\n", encoding="utf-8")
    token.chmod(0o600)
    with serving() as server:
        send(TargetSettings("phone", "ntfy", f"{server.url}/sub/my-birds", token_file=str(token)), message())
    (request,) = server.received
    assert request.path == "/sub/"
    assert request.headers["authorization"] == "Bearer tk_123"
    assert json.loads(request.body) == {
        "topic": "my-birds",
        "title": "Oak 3: hears nothing",
        "message": "oak: there is no microphone",
        "priority": 4,
        "tags": ["warning"],
    }


@pytest.mark.parametrize(
    ("changes", "priority", "tag"),
    [
        ({"state": "resolved"}, 3, "white_check_mark"),
        ({"when": "first_bird"}, 3, "bird"),
        ({"state": "test", "when": "test"}, 3, "wrench"),
    ],
)
def test_only_trouble_is_urgent(changes: dict[str, str], priority: int, tag: str) -> None:
    with serving() as server:
        send(TargetSettings("phone", "ntfy", f"{server.url}/birds"), message(**changes))
    body = json.loads(server.received[0].body)
    assert (body["priority"], body["tags"]) == (priority, [tag])
