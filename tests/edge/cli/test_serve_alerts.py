"""Alerts of `birdedge serve` in a process that is killed, and alongside everything else that it does."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.edge.cli.test_serve import COMPANION_MB, get, resident_mb
from tests.edge.companion.test_alerts import listened
from tests.support.http_servers import Server
from tests.support.http_servers import serving as serving_http
from tests.support.mosquitto import DURABLE, running_broker, subscribed
from tests.support.mqtt import topic_of
from tests.support.serving import serving

RULES = (
    '[[alert]]\nname = "no audio"\nwhen = "no_audio"\nfor_s = 0\n'
    '[[alert]]\nname = "first"\nwhen = "first_bird"\n'
    '[[alert]]\nname = "silence"\nwhen = "silence"\n'
    '[[alert]]\nname = "coverage"\nwhen = "coverage"\n'
)


@pytest.fixture(autouse=True)
def _state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))


def hook(server: Server) -> str:
    return f'[[target]]\nname = "hook"\nkind = "webhook"\nurl = "{server.url}"\n'


def test_a_killed_companion_delivers_the_same_message_after_a_restart(tmp_path: Path) -> None:
    listened(tmp_path / "oak", time.time() - 3600.0)
    config = tmp_path / "config.toml"
    with serving_http() as server:
        server.answers = [(500, {})]
        config.write_text(RULES + hook(server), encoding="utf-8")
        with serving("oak", "--config", config, cwd=tmp_path) as companion:
            server.wait_for(1)
            companion.process.kill()
            companion.process.wait(timeout=20)
        server.answers = [(200, {})]
        with serving("oak", "--config", config, cwd=tmp_path) as companion:
            server.wait_for(2)
            time.sleep(1.0)
        assert "sent 'the wood: hears nothing' to hook" in companion.log.read_text(encoding="utf-8")
    keys = [request.headers["idempotency-key"] for request in server.received]
    assert keys == [keys[0]] * 2
    assert [json.loads(request.body)["alert"] for request in server.received] == ["no audio"] * 2


def test_a_companion_with_every_feature_needs_little_memory(tmp_path: Path) -> None:
    listened(tmp_path / "oak", time.time() - 100.0)
    config = tmp_path / "config.toml"
    with (
        serving_http() as server,
        running_broker(tmp_path / "broker", DURABLE) as broker,
        subscribed(broker.port) as subscriber,
    ):
        mqtt = (
            f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n[[target]]\nname = "broker"\nkind = "mqtt"\n'
        )
        config.write_text(RULES + hook(server) + mqtt, encoding="utf-8")
        with serving("oak", "--config", config, cwd=tmp_path) as companion:
            server.wait_for(2)
            assert topic_of(subscriber, "/alert")
            assert topic_of(subscriber, "/status")
            for page in ("", "events", "days", "health", "metrics"):
                assert get(companion.url + page)[0] == 200
            assert resident_mb(companion.process.pid) < COMPANION_MB
