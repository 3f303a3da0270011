"""One connection to an MQTT broker (version 5), driven by the thread that uses it.

Nothing is queued across connections: messages that are unacknowledged when a connection ends must be published again in
the next one.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from birdedge.edge.errors import DeliveryError, ExtraMissingError, SettingsError
from birdedge.edge.integrations.mqtt import MqttSettings
from birdedge.edge.system.secret_file import read_secret

try:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties
    from paho.mqtt.reasoncodes import ReasonCode
except ImportError as error:
    raise ExtraMissingError("MQTT needs paho-mqtt; install it with `pip install 'birdedge[mqtt]'`") from error

TIMEOUT_S = 10.0  # for the answer to a connection, and for the last acknowledgements
STUCK_S = 60.0  # a broker that acknowledges nothing for longer is stuck
MAX_IN_FLIGHT = 8  # unacknowledged messages
MAX_RECEIVED_BYTES = 65_536  # of a message to this client; the broker drops larger ones
HEADER_BYTES = 64  # at most, of a message in addition to its topic and payload


class MessageTooLargeError(DeliveryError):
    """The broker does not accept messages of this size."""


class MqttConnection:
    """An accepted connection; `connected` opens one.

    Attributes:
        received: Topic and payload of each message of the subscribed topics, for the caller to remove.

    Raises:
        DeliveryError: The connection has ended. Raised by all methods except `close`.
    """

    def __init__(self, settings: MqttSettings, client_id: str, will: tuple[str, str] | None) -> None:
        self.received: list[tuple[str, bytes]] = []
        self._broker = f"{settings.host}:{settings.broker_port}"
        self._unacknowledged: dict[int, tuple[str, Callable[[], None] | None]] = {}
        self._moved_s = time.monotonic()  # when the last message was acknowledged, or the first sent
        self._refused: tuple[str, Any] | None = None  # topic, and the broker's reason
        self._ended: str | None = None
        self._limits: Any = None  # the properties of the broker's answer
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5, reconnect_on_failure=False
        )
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_message = self._on_publish, self._on_message
        client.connect_timeout = TIMEOUT_S / 2
        if settings.user:
            file = settings.password_file
            client.username_pw_set(settings.user, read_secret(Path(file)) if file else None)
        if settings.tls:
            client.tls_set_context(_tls_context(settings))
        if will is not None:
            client.will_set(*will, qos=1, retain=True)
        try:
            client.connect(
                settings.host,
                settings.broker_port,
                settings.keepalive_s,
                clean_start=True,
                properties=_properties(PacketTypes.CONNECT, MaximumPacketSize=MAX_RECEIVED_BYTES),
            )
        except ssl.SSLCertVerificationError as error:
            raise DeliveryError(
                f"the certificate of {self._broker} is not trusted ({error.verify_message}): check ca_file and host"
            ) from error
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be looked up
            reason = getattr(error, "strerror", None) or error
            raise DeliveryError(
                f"{self._broker} cannot be reached ({reason}): check host, port and tls"
            ) from error
        deadline_s = time.monotonic() + TIMEOUT_S
        while self._limits is None:
            if time.monotonic() > deadline_s:
                self.close()
                raise DeliveryError(
                    f"{self._broker} does not answer: check that it is an MQTT broker (version 5)"
                )
            self.loop(0.1)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        expires_s: float | None = None,
        on_acknowledged: Callable[[], None] | None = None,
    ) -> None:
        """Send a message with QoS 1; wait while too many are unacknowledged.

        Args:
            topic: Topic of the message.
            payload: Content of the message.
            retain: Whether the broker keeps it for later subscribers.
            expires_s: Seconds after which the broker drops it; None for never.
            on_acknowledged: Called from `loop` when the broker acknowledges it.

        Raises:
            MessageTooLargeError: The broker has announced that it does not accept messages of this size.
        """
        size_bytes = len(payload) + len(topic.encode()) + HEADER_BYTES
        if size_bytes > getattr(self._limits, "MaximumPacketSize", size_bytes):
            raise MessageTooLargeError(
                f"{self._broker} takes no message as large as that for {topic}: raise its limit of the packet size"
            )
        while len(self._unacknowledged) >= min(
            MAX_IN_FLIGHT, getattr(self._limits, "ReceiveMaximum", MAX_IN_FLIGHT)
        ):
            self.loop(1.0)
        self._raise_if_ended()
        properties = None
        if expires_s is not None:
            properties = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=max(1, round(expires_s)))
        if not self._unacknowledged:
            self._moved_s = time.monotonic()
        info = self._client.publish(topic, payload, 1, retain, properties)
        self._unacknowledged[info.mid] = topic, on_acknowledged

    def subscribe(self, topic: str) -> None:
        """Receive the messages of a topic."""
        self._client.subscribe(topic, qos=1)

    def loop(self, wait_s: float) -> None:
        """Exchange pending data with the broker; wait at most `wait_s` seconds for data."""
        result = self._client.loop(wait_s)
        if result != paho.MQTT_ERR_SUCCESS and self._ended is None:
            self._ended = str(paho.error_string(result)).rstrip(".")
        self._raise_if_ended()
        if self._unacknowledged and time.monotonic() - self._moved_s > STUCK_S:
            raise self._stuck(STUCK_S)
        if self._refused is not None:
            topic, reason = self._refused
            raise DeliveryError(f"{self._broker} refuses {topic} ({reason}): check the rights of its user")

    def drain(self, timeout_s: float = TIMEOUT_S) -> None:
        """Wait until all messages are acknowledged.

        Raises:
            DeliveryError: The broker is too slow.
        """
        deadline_s = time.monotonic() + timeout_s
        while self._unacknowledged:
            if time.monotonic() > deadline_s:
                raise self._stuck(timeout_s)
            self.loop(0.1)

    def close(self, *, with_will: bool = False) -> None:
        """Disconnect; the broker publishes the will only if asked to."""
        reason = ReasonCode(
            PacketTypes.DISCONNECT, "Disconnect with will message" if with_will else "Success"
        )
        with suppress(OSError, ValueError):
            self._client.disconnect(reason)
            self._client.loop(0.1)

    def _raise_if_ended(self) -> None:
        if self._ended is not None:
            raise DeliveryError(
                f"the connection to {self._broker} ended ({self._ended}): it will be reopened"
            )

    def _stuck(self, for_s: float) -> DeliveryError:
        return DeliveryError(f"{self._broker} acknowledges nothing for {for_s:g} s: check its load")

    def _on_connect(
        self, _client: object, _data: object, _flags: object, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._ended = f"{reason}: check user, password_file and the certificates"
        else:
            self._limits = object() if properties is None else properties

    def _on_disconnect(
        self, _client: object, _data: object, _flags: object, reason: Any, _more: object
    ) -> None:
        if self._ended is None:
            # Some brokers only close the connection when another client takes its id.
            is_unknown = reason.getName() == "Unspecified error"
            self._ended = "it was lost, or another client took its id" if is_unknown else str(reason)

    def _on_publish(self, _client: object, _data: object, mid: int, reason: Any, _more: object) -> None:
        topic, on_acknowledged = self._unacknowledged.pop(mid)
        self._moved_s = time.monotonic()
        if reason.is_failure:
            self._refused = topic, reason
        elif on_acknowledged is not None:
            on_acknowledged()

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        self.received.append((message.topic, bytes(message.payload)))


@contextmanager
def connected(
    settings: MqttSettings, client_id: str, will: tuple[str, str] | None = None
) -> Iterator[MqttConnection]:
    """Connect for the duration of a `with` block.

    Args:
        settings: Settings of the broker.
        client_id: Id of this client; the broker closes another connection with the same id.
        will: Topic and payload of the retained message that the broker publishes if the block ends with an error.

    Raises:
        DeliveryError: The broker cannot be reached or refuses. Also raised in the `with` block.
        SettingsError: A certificate or the password cannot be read.
    """
    connection = MqttConnection(settings, client_id, will)
    try:
        yield connection
    except BaseException:
        connection.close(with_will=True)
        raise
    connection.close()


def publish_once(settings: MqttSettings, client_id: str, topic: str, payload: bytes) -> None:
    """Publish one message in a connection of its own, and wait for the acknowledgement.

    Raises:
        DeliveryError: The broker did not acknowledge it.
        SettingsError: See `connected`.
    """
    with connected(settings, client_id) as connection:
        connection.publish(topic, payload)
        connection.drain()


def _properties(packet: int, **values: int) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _tls_context(settings: MqttSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.certificate_file is not None:
            context.load_cert_chain(settings.certificate_file, settings.key_file, password=lambda: "")
    except OSError as error:
        reason = error.strerror or error
        files = [file for file in (settings.ca_file, settings.certificate_file, settings.key_file) if file]
        raise SettingsError(
            f"{', '.join(files)} cannot be used ({reason}); name PEM files, with a key without a password"
        ) from error
    return context
