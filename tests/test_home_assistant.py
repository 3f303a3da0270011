"""Home Assistant's own schemas accept the discovery message of a recorder, and its templates read the status."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jinja2
import pytest
import voluptuous

from birdedge.edge.companion.mqtt_messages import event_payload, status_payload
from birdedge.edge.health import Health
from birdedge.edge.integrations.home_assistant import discovery_payload
from birdedge.edge.integrations.mqtt import MqttSettings
from docs.generate.mqtt import EVENT, NEW_EVENT, STATUS, UTC_S
from tests.support.home_assistant import MQTT, HomeAssistant

RECORDER_ID = "oak_3_7f3a91c2"


@pytest.fixture(scope="module")
def home_assistant() -> HomeAssistant:
    return HomeAssistant()


@pytest.fixture
def discovery() -> dict[str, Any]:
    settings = MqttSettings(dashboard_url="http://oak3.local:8088/")
    payload = discovery_payload(settings, RECORDER_ID, "Oak 3 Ü", has_disk=True, has_temperature=True)
    return dict(json.loads(payload))


def accepted(home_assistant: HomeAssistant, discovery: dict[str, Any]) -> dict[str, Any]:
    """Return the message as Home Assistant parses it, with each component validated as on setup."""
    module = home_assistant.module(f"{MQTT}.discovery")
    message: dict[str, Any] = json.loads(json.dumps(discovery))
    module._replace_all_abbreviations(message)
    schemas = home_assistant.module(f"{MQTT}.schemas")
    schemas.validate_device_discovery_components(schemas.DEVICE_DISCOVERY_SCHEMA(message))
    for name, component in message["components"].items():
        config = {key: value for key, value in component.items() if key != "platform"}
        module._merge_common_device_options(config, message)
        schema = home_assistant.module(f"{MQTT}.{component['platform']}").DISCOVERY_SCHEMA
        understood = schema(config)
        # Unknown keys would be dropped silently.
        assert config.keys() <= understood.keys(), name
        message["components"][name] = understood
    return message


def test_home_assistant_accepts_the_discovery(
    home_assistant: HomeAssistant, discovery: dict[str, Any]
) -> None:
    message = accepted(home_assistant, discovery)
    assert message["device"]["name"] == "birdedge Oak 3 Ü"
    assert message["components"].keys() == {
        *(
            "event",
            "alert",
            "events_today",
            "last_event",
            "listening",
            "problem",
            "coverage",
            "disk",
            "temperature",
        ),
    }
    unique_ids = {component["unique_id"] for component in message["components"].values()}
    assert len(unique_ids) == 9
    assert all(unique_id.startswith(f"birdedge_{RECORDER_ID}_") for unique_id in unique_ids)


@pytest.mark.parametrize(
    "break_it",
    [
        lambda d: d.pop("o"),
        lambda d: d.update(cmps=[]),
        lambda d: d["dev"].pop("ids"),
        lambda d: d["dev"].update(cu="oak3"),
        lambda d: d.update(qos=3),
        lambda d: d["avty"][0].pop("t"),
        lambda d: d["cmps"]["event"].pop("uniq_id"),
        lambda d: d["cmps"]["event"].pop("p"),
        lambda d: d["cmps"]["event"].pop("event_types"),
        lambda d: d["cmps"]["event"].update(stat_t="birdedge/#/x"),
        lambda d: d["cmps"]["event"].update(ic="bird"),
        lambda d: d["cmps"]["disk"].update(unit_of_meas="bird"),
        lambda d: d["cmps"]["disk"].update(dev_cla="bird"),
        lambda d: d["cmps"]["disk"].update(ent_cat="config"),
        lambda d: d["cmps"]["coverage"].update(stat_cla="sum"),
        lambda d: d["cmps"]["coverage"].update(val_tpl="{{ value_json."),
        lambda d: d["cmps"]["problem"].update(exp_aft=-1),
    ],
)
def test_home_assistant_refuses_a_broken_discovery(
    home_assistant: HomeAssistant, discovery: dict[str, Any], break_it: Callable[[Any], Any]
) -> None:
    break_it(discovery)
    with pytest.raises(voluptuous.Invalid):
        accepted(home_assistant, discovery)


def test_a_key_unknown_to_home_assistant_is_detected(
    home_assistant: HomeAssistant, discovery: dict[str, Any]
) -> None:
    discovery["cmps"]["disk"]["unit"] = "MB"
    with pytest.raises(AssertionError, match="disk"):
        accepted(home_assistant, discovery)


def rendered(template: str, message: bytes) -> str:
    """Return the rendering of a message by a template, as Home Assistant shows it."""
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)
    return environment.from_string(template).render(value_json=json.loads(message))


def test_the_templates_read_the_status(discovery: dict[str, Any]) -> None:
    message = status_payload(STATUS, UTC_S)
    states = {
        name: rendered(component["val_tpl"], message)
        for name, component in discovery["cmps"].items()
        if "val_tpl" in component
    }
    assert states == {
        "events_today": "841",
        "last_event": "2026-05-01T04:41:07.804Z",
        "listening": "ON",
        "problem": "OFF",
        "coverage": "99.98",
        "disk": "21340.0",
        "temperature": "51.4",
    }


def test_the_templates_show_unknown_values_and_problems(discovery: dict[str, Any]) -> None:
    health = Health(clip_problem="the disk is full: make room")
    message = status_payload(replace(STATUS, state="stalled", health=health), None)
    components = discovery["cmps"]
    assert rendered(components["last_event"]["val_tpl"], message) == "None"  # it resets a sensor to unknown
    assert rendered(components["temperature"]["val_tpl"], message) == "None"
    assert rendered(components["listening"]["val_tpl"], message) == "OFF"
    assert rendered(components["problem"]["val_tpl"], message) == "ON"
    attributes = json.loads(rendered(components["problem"]["json_attr_tpl"], message))
    assert attributes == {"state": "stalled", "problems": ["the disk is full: make room"]}


def test_a_problem_with_a_path_that_is_not_utf8_is_escaped() -> None:
    message = status_payload(replace(STATUS, disk_problem="/birds/f\udcf6hre is full"), None)
    assert json.loads(message)["problems"] == [r"/birds/f\udcf6hre is full"]


def test_event_messages_have_a_declared_event_type(discovery: dict[str, Any]) -> None:
    event = json.loads(event_payload(NEW_EVENT, 0))
    assert event["event_type"] in discovery["cmps"]["event"]["event_types"]
    assert event["row"] == EVENT.id


def test_a_recorder_without_disk_and_temperature_has_no_entities_for_them() -> None:
    payload = discovery_payload(MqttSettings(), RECORDER_ID, "Oak 3", has_disk=False, has_temperature=False)
    discovery = json.loads(payload)
    assert not {"disk", "temperature"} & discovery["cmps"].keys()
    assert "cu" not in discovery["dev"]
