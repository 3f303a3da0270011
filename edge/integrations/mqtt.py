"""MQTT: its settings, and the topics of a recorder. Needs no client library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from birdedge.edge.errors import SettingsError

DEFAULT_PORT = 1883
DEFAULT_TLS_PORT = 8883
TOPIC = r"(?!\$)[^+#/\0]+(?:/[^+#/\0]+)*"


@dataclass(frozen=True)
class MqttSettings:
    """The table `[mqtt]` of the configuration.

    Raises:
        SettingsError: A value is out of range, or two values contradict each other.
    """

    host: str = ""  # of the broker; "" for no MQTT
    port: int | None = None  # None: 8883 with TLS, otherwise 1883
    tls: bool = False
    ca_file: str | None = None  # certificates that verify the broker's; None: the system's
    certificate_file: str | None = None  # of this client
    key_file: str | None = None  # of that certificate; None: in the same file
    user: str = ""
    password_file: str | None = None
    topic: str = "birdedge"  # prefix of all topics
    discovery_topic: str = "homeassistant"  # Home Assistant's; "" for no discovery
    dashboard_url: str = ""  # where a browser finds the dashboard; Home Assistant shows it as a link
    min_interval_s: float = 10.0  # between two messages of the topic `event`
    max_age_s: float = 60.0  # older events are not sent to the topic `event`
    status_interval_s: float = 60.0
    keepalive_s: int = 30  # a broker that is silent for longer counts as gone

    def __post_init__(self) -> None:
        if self.port is not None and not 0 < self.port < 65_536:
            raise SettingsError(f"port is {self.port}; it must lie in 1..65535")
        for name, low, high in (
            ("min_interval_s", 0.0, 86_400.0),
            ("max_age_s", 5.0, 86_400.0),
            ("status_interval_s", 5.0, 3600.0),
            ("keepalive_s", 5, 3600),
        ):
            if not low <= getattr(self, name) <= high:
                raise SettingsError(f"{name} is {getattr(self, name):g}; it must lie in {low:g}..{high:g}")
        for name, pattern in (("topic", TOPIC), ("discovery_topic", rf"(?:{TOPIC})?")):
            if not re.fullmatch(pattern, getattr(self, name)):
                raise SettingsError(
                    f"{name} is {getattr(self, name)!r}; it must be the name of a topic, without +, # or / at its ends"
                )
        if not self.tls and (self.ca_file or self.certificate_file):
            raise SettingsError("there are certificates, and tls is false; set tls = true, or leave them out")
        if self.key_file and not self.certificate_file:
            raise SettingsError("there is a key_file and no certificate_file; name both, or neither")
        if self.password_file and not self.user:
            raise SettingsError("there is a password_file and no user; name both, or neither")
        if not re.fullmatch(r"(?:https?://[^/\s]+\S*)?", self.dashboard_url):
            raise SettingsError(
                f"dashboard_url is {self.dashboard_url!r}; it must be a URL such as http://oak3.local:8088/"
            )

    @property
    def broker_port(self) -> int:
        """The port of the broker."""
        return self.port or (DEFAULT_TLS_PORT if self.tls else DEFAULT_PORT)


class Topics(NamedTuple):
    """The topics of one recorder."""

    availability: str
    event: str
    events: str
    gap: str
    alert: str
    status: str
    discovery: str  # "" for none


def topics_of(settings: MqttSettings, recorder_id: str) -> Topics:
    """Return the topics of a recorder."""
    base, discovery = f"{settings.topic}/{recorder_id}", settings.discovery_topic
    return Topics(
        f"{base}/availability",
        f"{base}/event",
        f"{base}/events",
        f"{base}/gap",
        f"{base}/alert",
        f"{base}/status",
        discovery and f"{discovery}/device/birdedge_{recorder_id}/config",
    )
