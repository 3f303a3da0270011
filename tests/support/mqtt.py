"""A recorder that writes to its database now, and its publishers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.companion.mqtt import RecorderPublisher
from birdedge.edge.companion.mqtt_progress import FILE_NAME
from birdedge.edge.integrations.mqtt import MqttSettings
from birdedge.edge.messages import HealthReported
from birdedge.edge.system.clock import boot_id, monotonic_s
from tests.support.commands import ENVIRONMENT
from tests.support.mosquitto import HOST, Subscriber
from tests.support.streams import Clocks, MessageStream, started
from tests.support.waiting import wait_until


class LiveRecorder:
    """A recorder in this boot, which has listened for 100 s until now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clocks = Clocks(boot_s=monotonic_s() - 101.0, utc_s=time.time() - 101.0)
        self.run_log = started(folder, self.clocks, boot_id())
        self.stream = MessageStream(self.run_log.apply, self.clocks, source="USB Audio")
        self.stream.hear(100)
        self._events = 0
        self.run_log.commit()

    def detect(self, count: int = 1, ago_s: float = 1.0, **changes: Any) -> None:
        """Write events that started `ago_s` before the end of the audio, no two at exactly the same time."""
        for _ in range(count):
            self._events += 1
            onset_s = self.stream.sample / 32_000 - ago_s + self._events / 32_000
            self.stream.detect(onset_s, offset_s=onset_s + 0.5, **changes)
        self.run_log.commit()

    def report(self, health: Any) -> None:
        """Write the recorder's health."""
        self.run_log.apply(HealthReported(self.stream.timekeeper.stamp(self.stream.sample), health))
        self.run_log.commit()


def broker_settings(port: int, **changes: Any) -> MqttSettings:
    """Return settings for a broker on this machine."""
    return MqttSettings(host=HOST, port=port, **changes)


@contextmanager
def publishing(folder: Path, settings: MqttSettings) -> Iterator[None]:
    """Publish a recorder in a thread for the duration of the block."""
    stop = threading.Event()
    publisher = RecorderPublisher(RecorderFolder(folder.name, folder), settings)
    thread = threading.Thread(target=publisher.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(15.0)
        assert not thread.is_alive()


@contextmanager
def publisher_process(folder: Path, settings: MqttSettings) -> Iterator[subprocess.Popen[bytes]]:
    """Publish a recorder in a process for the duration of the block; then kill the process."""
    script = (
        "import sys, threading; from pathlib import Path\n"
        "from birdedge.edge.companion import mqtt; from birdedge.edge.integrations.mqtt import MqttSettings\n"
        "mqtt.POLL_S = mqtt.MAX_RETRY_S = 0.1\n"
        f"mqtt.MqttPublisher((Path({str(folder)!r}),), {settings!r})(threading.Event())"
    )
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, **ENVIRONMENT})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def base_of(recorder: LiveRecorder) -> str:
    """Return the common start of a recorder's topics."""
    return f"birdedge/{json.loads((recorder.folder / FILE_NAME).read_text())['recorder_id']}"


def topic_of(subscriber: Subscriber, end: str) -> str:
    """Return the full topic with this ending, once it has received a message."""
    wait_until(lambda: any(name.endswith(end) for name, _, _ in list(subscriber.messages)))
    return next(name for name, _, _ in subscriber.messages if name.endswith(end))


def events(subscriber: Subscriber) -> list[dict[str, Any]]:
    """Return the events of all batches, in their order."""
    batches = [json.loads(text) for name, text, _ in list(subscriber.messages) if name.endswith("/events")]
    return [event for batch in batches for event in batch["events"]]


def live_events(subscriber: Subscriber) -> list[dict[str, Any]]:
    """Return the events that automations receive."""
    return [json.loads(text) for name, text, _ in list(subscriber.messages) if name.endswith("/event")]


def rows(found: list[dict[str, Any]]) -> list[int]:
    """Return the rows of events."""
    return [event["row"] for event in found]
