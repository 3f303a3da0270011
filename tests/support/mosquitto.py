"""A real MQTT broker on a free port, subscribers that record what arrives, and a slow line to the broker."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.waiting import wait_until

HOST = "127.0.0.1"
ANONYMOUS = "allow_anonymous true"
# Sessions and waiting messages are stored almost at once.
DURABLE = f"{ANONYMOUS}\npersistence true\nautosave_on_changes true\nautosave_interval 1"


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as server:
        server.bind((HOST, 0))
        return int(server.getsockname()[1])


class Mosquitto:
    """A broker with its files in a folder; it can be killed and restarted on the same port."""

    def __init__(self, folder: Path, options: str = ANONYMOUS, port: int | None = None) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
        if program is None:
            pytest.skip("needs a broker: apt install mosquitto")
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} {HOST}\npersistence_location {folder}/\nuser root\nlog_dest none\n{options}\n",
            encoding="utf-8",
        )
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._listens)

    def stop(self) -> None:
        """Stop the broker cleanly: sessions and waiting messages are stored."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the broker, like a power cut; it may lose messages for a subscriber that was not connected."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def hang(self, *, still: bool = True) -> None:
        """Suspend the broker, or let it continue."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if still else signal.SIGCONT)

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"mosquitto does not start with {self._config.read_text()}"
        with suppress(OSError), socket.create_connection((HOST, self.port), timeout=1.0):
            return True
        return False


@contextmanager
def running_broker(folder: Path, options: str = ANONYMOUS) -> Iterator[Mosquitto]:
    """Run a broker for the duration of the block."""
    broker = Mosquitto(folder, options)
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


class Subscriber:
    """Receives everything with QoS 1, in a session that outlasts its connections.

    Attributes:
        messages: Topic, text and whether it is retained, in order of arrival.
    """

    def __init__(
        self, port: int, topic: str = "#", configure: Callable[[Any], None] = lambda _: None
    ) -> None:
        self.messages: list[tuple[str, str, bool]] = []
        self._subscribed = threading.Event()
        self._topic = topic
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2, "subscriber", protocol=paho.MQTTv5)
        client.on_connect, client.on_message = self._on_connect, self._on_message
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.reconnect_delay_set(1, 1)
        configure(client)
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 3600
        client.connect(HOST, port, clean_start=False, properties=properties)
        client.loop_start()
        assert self._subscribed.wait(10.0)

    def of(self, topic: str) -> list[Any]:
        """Return the messages of a topic, read as JSON."""
        return [json.loads(text) for name, text, _ in list(self.messages) if name == topic]

    def texts(self, topic: str) -> list[str]:
        """Return the messages of a topic."""
        return [text for name, text, _ in list(self.messages) if name == topic]

    def event_ids(self, topic: str) -> list[str]:
        """Return the ids of the events that arrived in batches, in their order."""
        return [event["id"] for batch in self.of(topic) for event in batch["events"]]

    def publish(self, topic: str, text: str) -> None:
        """Publish a message."""
        self._client.publish(topic, text, qos=1).wait_for_publish(10.0)

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: Any, *_: object) -> None:
        client.subscribe(self._topic, qos=1)

    def _on_message(self, _client: object, _data: object, message: Any) -> None:
        self.messages.append((message.topic, message.payload.decode(), message.retain))


@contextmanager
def subscribed(
    port: int, topic: str = "#", configure: Callable[[Any], None] = lambda _: None
) -> Iterator[Subscriber]:
    """Subscribe for the duration of the block."""
    subscriber = Subscriber(port, topic, configure)
    try:
        yield subscriber
    finally:
        subscriber.close()


class SlowLine:
    """A TCP proxy that passes on `bytes_per_s` in each direction."""

    def __init__(self, to_port: int, bytes_per_s: float) -> None:
        self.bytes_per_s = bytes_per_s
        self._to_port = to_port
        self._ends: list[socket.socket] = []
        self._server = socket.create_server((HOST, 0))
        self.port = int(self._server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break the connections; data that have not passed are lost."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def _accept(self) -> None:
        while True:
            client, _ = self._server.accept()
            try:
                broker = socket.create_connection((HOST, self._to_port))
            except OSError:
                client.close()
                continue
            self._ends += [client, broker]
            for ends in ((client, broker), (broker, client)):
                threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(256):
                time.sleep(len(data) / self.bytes_per_s)
                target.sendall(data)
