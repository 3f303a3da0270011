"""The MQTT settings are checked, and determine the topics of a recorder."""

from __future__ import annotations

from typing import Any

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.mqtt import MqttSettings, topics_of


def test_a_recorder_has_its_own_topics() -> None:
    topics = topics_of(MqttSettings(topic="garden/birds"), "oak_3_7f3a91c2")
    assert topics.event == "garden/birds/oak_3_7f3a91c2/event"
    assert topics.availability == "garden/birds/oak_3_7f3a91c2/availability"
    assert topics.discovery == "homeassistant/device/birdedge_oak_3_7f3a91c2/config"
    assert topics_of(MqttSettings(discovery_topic=""), "oak").discovery == ""


def test_the_port_depends_on_tls() -> None:
    assert MqttSettings().broker_port == 1883
    assert MqttSettings(tls=True).broker_port == 8883
    assert MqttSettings(tls=True, port=1884).broker_port == 1884


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"port": 0}, r"port is 0; it must lie in 1\.\.65535"),
        ({"topic": ""}, "topic is ''; it must be the name of a topic"),
        ({"topic": "birds/+"}, "topic is"),
        ({"topic": "birds/"}, "topic is"),
        ({"topic": "$SYS"}, "topic is"),
        ({"discovery_topic": "#"}, "discovery_topic is '#'"),
        ({"min_interval_s": -1.0}, r"min_interval_s is -1; it must lie in 0\.\.86400"),
        ({"max_age_s": float("nan")}, "max_age_s is nan"),
        ({"keepalive_s": 1}, "keepalive_s is 1"),
        ({"ca_file": "ca.pem"}, "tls is false; set tls = true"),
        ({"tls": True, "key_file": "k"}, "a key_file and no certificate_file"),
        ({"password_file": "p"}, "a password_file and no user"),
        ({"dashboard_url": "oak3.local"}, "it must be a URL"),
    ],
)
def test_an_invalid_setting_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        MqttSettings(**values)
