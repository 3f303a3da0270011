"""Publishing recorders to MQTT: one connection and one thread for each, so that none waits for another."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from birdedge.edge.companion.folders import RecorderFolder, find_folders, place_name
from birdedge.edge.companion.mqtt_feed import Feed
from birdedge.edge.companion.mqtt_messages import state_of, status_payload
from birdedge.edge.companion.mqtt_progress import LOCK_NAME, read_progress
from birdedge.edge.database import event_queries
from birdedge.edge.database.connection import reading
from birdedge.edge.errors import BirdedgeError
from birdedge.edge.integrations.home_assistant import BIRTH_PAYLOAD, birth_topic, discovery_payload
from birdedge.edge.integrations.mqtt import MqttSettings, topics_of
from birdedge.edge.integrations.mqtt_connection import (
    MessageTooLargeError,
    MqttConnection,
    connected,
    publish_once,
)
from birdedge.edge.monitoring.status import read_status
from birdedge.edge.system.folder_lock import FolderLock

POLL_S = 1.0  # between two checks for new rows
REPORT_S = 2.0  # at least, between two messages about the status
SEARCH_S = 10.0  # between two searches for recorders
FIRST_RETRY_S, MAX_RETRY_S = 1.0, 120.0  # after a failure, and after many
STEADY_S = 60.0  # a connection that lasts longer resets the wait between retries
STOP_S = 2.0  # for the last acknowledgements

log = logging.getLogger(__name__)


class MqttPublisher:
    """Publishes all recorders below some folders, including those that appear later, until it is stopped.

    Args:
        paths: Folders of recorders, or above them.
        settings: The settings of MQTT.
    """

    def __init__(self, paths: tuple[Path, ...], settings: MqttSettings) -> None:
        self._paths, self._settings = paths, settings

    def __call__(self, stop: threading.Event) -> None:
        """Run until `stop` is set."""
        threads: dict[Path, threading.Thread] = {}
        while not stop.is_set():
            for folder in find_folders(self._paths):
                if folder.path not in threads:
                    run = RecorderPublisher(folder, self._settings).run
                    threads[folder.path] = threading.Thread(target=run, args=(stop,), daemon=True)
                    threads[folder.path].start()
            stop.wait(SEARCH_S)
        for thread in threads.values():
            thread.join(2 * STOP_S)


class RecorderPublisher:
    """Publishes one recorder.

    Args:
        folder: The folder of the recorder.
        settings: The settings of MQTT.
    """

    def __init__(self, folder: RecorderFolder, settings: MqttSettings) -> None:
        self._folder, self._settings = folder, settings
        self._feed: Feed | None = None

    def run(self, stop: threading.Event) -> None:
        """Publish until `stop` is set; a failure is retried, and logged once."""
        delay_s, said = FIRST_RETRY_S, ""
        while not stop.is_set():
            began_s = time.monotonic()
            try:
                with locked(self._folder.path):
                    self._connect(stop)
            except BirdedgeError as error:
                if str(error) != said:
                    log.warning("MQTT for %s: %s", self._folder.name, error)
                said = str(error)
            except Exception:
                log.exception("MQTT for %s", self._folder.name)
            if time.monotonic() - began_s > STEADY_S:
                delay_s, said = FIRST_RETRY_S, ""
            stop.wait(delay_s * random.uniform(0.5, 1.0))
            delay_s = min(2 * delay_s, MAX_RETRY_S)

    def _connect(self, stop: threading.Event) -> None:
        """Publish in one connection."""
        if self._feed is None:
            self._feed = self._new_feed()
        feed, topics = self._feed, self._feed.topics
        feed.restart()
        will = topics.availability, "offline"
        try:
            with connected(self._settings, client_id(feed.recorder_id), will) as connection:
                log.info("MQTT for %s: connected, as %s", self._folder.name, feed.recorder_id)
                self._publish(connection, feed, stop)
                connection.publish(topics.availability, b"offline", retain=True)
                connection.drain(STOP_S)
        finally:
            feed.save()

    def _publish(self, connection: MqttConnection, feed: Feed, stop: threading.Event) -> None:
        """Publish what is new until `stop` is set."""
        if self._settings.discovery_topic:
            connection.subscribe(birth_topic(self._settings))
        report = Report(self._folder, self._settings, feed.recorder_id)
        while not stop.is_set():
            with reading(self._folder.path) as db:
                if report.is_due(db, connection):
                    report.send(connection)
                more = feed.send(db, connection)
            connection.loop(0.0 if more else POLL_S)

    def _new_feed(self) -> Feed:
        with reading(self._folder.path) as db:
            progress = read_progress(self._folder.path, db, self._settings.max_age_s)
        return Feed(self._folder.path, self._settings, progress)


class Report:
    """The status and the discovery of a recorder in one connection.

    Args:
        folder: The folder of the recorder.
        settings: The settings of MQTT.
        recorder_id: The id of the recorder.
    """

    def __init__(self, folder: RecorderFolder, settings: MqttSettings, recorder_id: str) -> None:
        self._folder, self._settings, self._recorder_id = folder, settings, recorder_id
        self._topics = topics_of(settings, recorder_id)
        self._discovery = b""  # as last sent
        self._state: object = None
        self._is_news = True  # whether more than the time has changed
        self._sent_s = float("-inf")

    def is_due(self, db: sqlite3.Connection, connection: MqttConnection) -> bool:
        """Return whether time has passed, the state has changed, or Home Assistant has started."""
        if any(payload == BIRTH_PAYLOAD for _, payload in connection.received):
            self._discovery, self._is_news = b"", True
        connection.received.clear()
        state, self._state = self._state, state_of(db)
        self._is_news |= state != self._state
        passed_s = time.monotonic() - self._sent_s
        return passed_s >= (REPORT_S if self._is_news else self._settings.status_interval_s)

    def send(self, connection: MqttConnection) -> None:
        """Publish the discovery if it has changed, then the status and the availability.

        Raises:
            OutputError: The database cannot be read.
            DeliveryError: The connection has ended.
        """
        self._is_news, self._sent_s = False, time.monotonic()
        status = read_status(self._folder.path, time.time())
        with reading(self._folder.path) as db:
            latest_event_utc_s = event_queries.latest_event_utc_s(db)
        discovery = discovery_payload(
            self._settings,
            self._recorder_id,
            place_name(self._folder.path, status.site),
            has_disk=status.health.free_mb is not None,
            has_temperature=status.health.temperature_c is not None,
        )
        if self._settings.discovery_topic and discovery != self._discovery:
            self._discovery = discovery
            try:
                connection.publish(self._topics.discovery, discovery, retain=True)
            except MessageTooLargeError as error:
                log.warning("MQTT for %s: Home Assistant will not find it: %s", self._folder.name, error)
        connection.publish(self._topics.status, status_payload(status, latest_event_utc_s), retain=True)
        connection.publish(self._topics.availability, b"online", retain=True)


def remove(folder: RecorderFolder, settings: MqttSettings) -> str:
    """Delete a recorder from the broker, and thus from Home Assistant; return its id.

    Raises:
        StoreError: A companion publishes it at present, or it has not run yet.
        DeliveryError: The broker does not acknowledge it.
    """
    with locked(folder.path), reading(folder.path) as db:
        recorder_id = read_progress(folder.path, db, settings.max_age_s).recorder_id
        topics = topics_of(settings, recorder_id)
        with connected(settings, client_id(recorder_id)) as connection:
            for topic in filter(None, (topics.discovery, topics.status, topics.availability)):
                connection.publish(topic, b"", retain=True)
            connection.drain()
    return recorder_id


def publish_alert(
    folder: RecorderFolder, settings: MqttSettings, event_type: str, alert: dict[str, Any], utc_s: float
) -> None:
    """Publish an alert about a recorder, in its own connection, and wait for the acknowledgement.

    Args:
        folder: The folder of the recorder.
        settings: The settings of MQTT.
        event_type: One of `ALERT_TYPES`.
        alert: The other fields of the message.
        utc_s: When the message was made; a message that waited for longer than `max_age_s` is late.

    Raises:
        StoreError: The recorder has not run yet.
        DeliveryError: The broker has not acknowledged it; a retry may succeed.
    """
    with reading(folder.path) as db:
        recorder_id = read_progress(folder.path, db, settings.max_age_s).recorder_id
    message = {"event_type": event_type, **alert, "late": time.time() - utc_s > settings.max_age_s}
    payload = json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
    publish_once(settings, f"{client_id(recorder_id)}_alert", topics_of(settings, recorder_id).alert, payload)


def client_id(recorder_id: str) -> str:
    """Return the MQTT client id of the connection of a recorder."""
    return f"birdedge_{recorder_id}"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let only one process publish a recorder.

    Raises:
        StoreError: Another process publishes it.
    """
    lock = FolderLock(folder, LOCK_NAME)
    try:
        yield
    finally:
        lock.release()
