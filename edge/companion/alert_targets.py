"""How the message of an alert is sent to each kind of target."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from birdedge.edge.companion.folders import find_folders
from birdedge.edge.errors import ExtraMissingError, StoreError
from birdedge.edge.integrations import command, ntfy, webhook
from birdedge.edge.integrations.alert_message import AlertMessage
from birdedge.edge.integrations.alerts import TargetSettings
from birdedge.edge.integrations.mqtt import MqttSettings

Send = Callable[[AlertMessage], str]  # returns the answer of the target


def sender(target: TargetSettings, broker: MqttSettings, paths: tuple[Path, ...] = ()) -> Send:
    """Return the function that sends a message to a target.

    It raises a `DeliveryError` if the target does not accept it, and another `BirdedgeError` if a secret or a recorder
    cannot be read.

    Args:
        target: The target.
        broker: The broker of targets of kind "mqtt".
        paths: Folders of recorders, or above them: an MQTT topic belongs to a recorder.
    """
    match target.kind:
        case "mqtt":
            return partial(_publish, broker, paths)
        case "webhook":
            return partial(webhook.send, target)
        case "ntfy":
            return partial(ntfy.send, target)
        case "command":
            return partial(command.send, target)


def _publish(broker: MqttSettings, paths: tuple[Path, ...], message: AlertMessage) -> str:
    try:
        from birdedge.edge.companion.mqtt import publish_alert
        from birdedge.edge.integrations.mqtt_connection import publish_once
    except ModuleNotFoundError as error:
        raise ExtraMissingError(
            f"MQTT needs {error.name}, which is not installed: pip install 'birdedge[mqtt]'"
        ) from error
    if message.state == "test":
        topic = f"{broker.topic}/test"
        publish_once(broker, "birdedge_alert_test", topic, message.json())
        return f"{broker.host} has acknowledged a message to {topic}"
    folder = next((folder for folder in find_folders(paths) if folder.name == message.recorder), None)
    if folder is None:
        raise StoreError(
            f"the recorder {message.recorder!r} cannot be found, and neither can its topic: mount its disk"
        )
    event_type = "resolved" if message.state == "resolved" else "alert"
    publish_alert(folder, broker, event_type, message.payload(), message.utc_s)
    return f"{broker.host} has acknowledged it"
