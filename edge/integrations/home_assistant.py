"""Discovery of a recorder by Home Assistant: one retained message describes the device and its entities.

https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
"""

from __future__ import annotations

import json
from typing import Any

from birdedge import __version__
from birdedge.edge.integrations.mqtt import MqttSettings, topics_of

BIRTH_PAYLOAD = b"online"
EVENT_TYPE = "bird_sound"
ALERT_TYPES = ("alert", "resolved")


def birth_topic(settings: MqttSettings) -> str:
    """Return the topic on which Home Assistant announces that it has started and needs the discovery again."""
    return f"{settings.discovery_topic}/status"


def discovery_payload(
    settings: MqttSettings, recorder_id: str, name: str, *, has_disk: bool, has_temperature: bool
) -> bytes:
    """Return the discovery message of a recorder, in the abbreviations of Home Assistant.

    Args:
        settings: Settings of MQTT.
        recorder_id: Id of the recorder; the unique ids of the entities contain it and never change.
        name: Name of the recorder's place, for people.
        has_disk: Whether the recorder reports free disk space.
        has_temperature: Whether the recorder reports a temperature.
    """
    topics = topics_of(settings, recorder_id)
    unique_id = f"birdedge_{recorder_id}"
    expires_s = round(3 * settings.status_interval_s)

    def state(template: str) -> dict[str, Any]:
        return {"stat_t": topics.status, "val_tpl": "{{ " + template + " }}"}

    diagnostic = {"ent_cat": "diagnostic"}
    components: dict[str, dict[str, Any]] = {
        "event": {
            "p": "event",
            "name": "Bird sound",
            "ic": "mdi:bird",
            "stat_t": topics.event,
            "event_types": [EVENT_TYPE],
        },
        "alert": {
            "p": "event",
            "name": "Alert",
            "ic": "mdi:alert",
            "stat_t": topics.alert,
            "event_types": list(ALERT_TYPES),
        },
        "events_today": {
            "p": "sensor",
            "name": "Events today",
            "ic": "mdi:counter",
            "stat_cla": "total_increasing",
            **state("value_json.events_today"),
        },
        "last_event": {
            "p": "sensor",
            "name": "Last event",
            "dev_cla": "timestamp",
            **state("value_json.last_event"),
        },
        "listening": {
            "p": "binary_sensor",
            "name": "Listening",
            "dev_cla": "running",
            "exp_aft": expires_s,
            **diagnostic,
            **state("'ON' if value_json.state in ('listening', 'paused') else 'OFF'"),
        },
        "problem": {
            "p": "binary_sensor",
            "name": "Problem",
            "dev_cla": "problem",
            "exp_aft": expires_s,
            "json_attr_t": topics.status,
            "json_attr_tpl": "{{ {'state': value_json.state, 'problems': value_json.problems} | tojson }}",
            **diagnostic,
            **state("'OFF' if value_json.healthy else 'ON'"),
        },
        "coverage": {
            "p": "sensor",
            "name": "Heard today",
            "ic": "mdi:ear-hearing",
            "unit_of_meas": "%",
            "stat_cla": "measurement",
            "sug_dsp_prc": 2,
            **diagnostic,
            **state("value_json.coverage_today * 100"),
        },
    }
    if has_disk:
        components["disk"] = {
            "p": "sensor",
            "name": "Disk free",
            "dev_cla": "data_size",
            "unit_of_meas": "MB",
            "stat_cla": "measurement",
            "sug_dsp_prc": 0,
            **diagnostic,
            **state("value_json.free_mb"),
        }
    if has_temperature:
        components["temperature"] = {
            "p": "sensor",
            "name": "Processor temperature",
            "dev_cla": "temperature",
            "unit_of_meas": "°C",
            "stat_cla": "measurement",
            **diagnostic,
            **state("value_json.temperature_c"),
        }
    device = {
        "ids": [unique_id],
        "name": f"birdedge {name}",
        "mf": "birdedge",
        "mdl": "recorder",
        "sw": __version__,
    }
    if settings.dashboard_url:
        device["cu"] = settings.dashboard_url
    payload = {
        "dev": device,
        "o": {"name": "birdedge", "sw": __version__},
        "avty": [{"t": topics.availability}],
        "qos": 1,
        "cmps": {
            key: {**component, "uniq_id": f"{unique_id}_{key}"} for key, component in components.items()
        },
    }
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
