"""The rows that the broker has not acknowledged: the database is the queue, and a file holds the position."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections import deque
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from birdedge.edge.companion.mqtt_messages import batch_payload, event_payload, gap_payload
from birdedge.edge.companion.mqtt_progress import Progress, belongs_to, event_id, gap_id, write_progress
from birdedge.edge.database import coverage_queries, event_queries
from birdedge.edge.database.event_queries import NewEvent
from birdedge.edge.errors import OutputError
from birdedge.edge.integrations.mqtt import MqttSettings, topics_of
from birdedge.edge.integrations.mqtt_connection import MessageTooLargeError, MqttConnection
from birdedge.edge.system.clock import boot_id, monotonic_s

MAX_BATCH = 20  # events
MAX_UNACKNOWLEDGED = 4  # batches, and gaps
MAX_LATEST = 100  # events that are considered for the topic `event`
SAVE_S = 5.0  # between two writes of the progress; a power cut repeats at most this much

log = logging.getLogger(__name__)


class Feed:
    """Publishes events and gaps in their order, and remembers what was acknowledged.

    After a connection was lost, `restart` goes back to what has not been acknowledged.

    Args:
        folder: The folder of the recorder.
        settings: The settings of MQTT.
        progress: The progress as last stored.
    """

    def __init__(self, folder: Path, settings: MqttSettings, progress: Progress) -> None:
        self._folder, self._settings = folder, settings
        self.topics = topics_of(settings, progress.recorder_id)
        self.progress = progress
        self._saved: Progress | None = None
        self._saved_s = self._event_s = float("-inf")  # when it was stored, and topic `event` had a message
        self._is_unsaved = False  # because the disk failed
        self._left_out = 0
        self._batch = MAX_BATCH
        self._unacknowledged: deque[_Sent] = deque()
        self._sent = progress

    @property
    def recorder_id(self) -> str:
        """The id of the recorder."""
        return self.progress.recorder_id

    def restart(self, progress: Progress | None = None) -> None:
        """Continue after what was acknowledged, or at another position."""
        if self._waiting("events"):  # perhaps the broker does not accept so many at once
            self._batch = max(1, self._batch // 2)
        if self._waiting("live"):
            self._event_s = float("-inf")
        self._unacknowledged.clear()
        self.progress = self._sent = progress or self.progress

    def send(self, db: sqlite3.Connection, connection: MqttConnection) -> bool:
        """Publish what is new; return whether there may be more to publish at once.

        Raises:
            OutputError: The database cannot be read.
            DeliveryError: The connection has ended.
        """
        if not belongs_to(self.progress, db):
            log.warning(
                "%s has another database than before: its events are published from the first", self._folder
            )
            self.restart(Progress(self.progress.recorder_id))
        self._send_event(db, connection)
        more = self._send_batch(db, connection)
        more |= self._send_gap(db, connection)
        if time.monotonic() - self._saved_s > SAVE_S:
            self.save()
        return more

    def save(self) -> None:
        """Store what was acknowledged; if the disk fails, it is retried later."""
        self._saved_s = time.monotonic()
        if self.progress == self._saved:
            return
        try:
            write_progress(self._folder, self.progress)
        except OutputError as error:
            if not self._is_unsaved:
                log.warning("%s; a restart may publish events twice or leave some out", error)
            self._is_unsaved = True
        else:
            self._saved, self._is_unsaved = self.progress, False

    def _send_event(self, db: sqlite3.Connection, connection: MqttConnection) -> None:
        """Publish one event that is new enough for an automation, unless there was a message a moment ago."""
        if self._waiting("live"):
            return
        latest = event_queries.latest_events(db, self._sent.live, MAX_LATEST)
        if not latest:
            return
        live = latest[-1].event.id
        fresh = [new for new in latest if not self._is_late(new)]
        if not fresh or time.monotonic() - self._event_s < self._settings.min_interval_s:
            self._left_out += len(fresh)
            self._sent = replace(self._sent, live=live)
            self.progress = replace(self.progress, live=live)
            return
        expires_s = self._settings.max_age_s - _age_s(fresh[0])
        payload = event_payload(fresh[0], self._left_out)
        self._publish(connection, self.topics.event, payload, {"live": live}, expires_s=expires_s)
        self._event_s, self._left_out = time.monotonic(), len(fresh) - 1

    def _send_batch(self, db: sqlite3.Connection, connection: MqttConnection) -> bool:
        if self._waiting("events") >= MAX_UNACKNOWLEDGED:
            return False
        batch = event_queries.new_events(db, self._sent.events, self._batch)
        if batch:
            payload = batch_payload([(new, self._is_late(new)) for new in batch])
            place = {"events": batch[-1].event.id, "event_id": event_id(batch[-1])}
            try:
                self._publish(connection, self.topics.events, payload, place)
            except MessageTooLargeError:
                if len(batch) == 1:
                    raise
                self._batch = len(batch) // 2
                return True
        return len(batch) == self._batch

    def _send_gap(self, db: sqlite3.Connection, connection: MqttConnection) -> bool:
        if self._waiting("gaps") >= MAX_UNACKNOWLEDGED:
            return False
        gaps = coverage_queries.new_gaps(db, self._sent.gaps, 2)
        if not gaps:
            return False
        new, is_last = gaps[0], len(gaps) == 1
        place: dict[str, Any]
        if is_last and new.gap.lasts:
            if self._sent.open_gap_id == gap_id(new):
                return False
            place = {"open_gap_id": gap_id(new)}
        else:
            place = {"gaps": new.id, "gap_id": gap_id(new), "open_gap_id": ""}
        age_s = monotonic_s() - new.began_s - (new.gap.length_s or 0.0)
        is_late = new.boot_id != boot_id() or (age_s > self._settings.max_age_s and not new.gap.lasts)
        self._publish(connection, self.topics.gap, gap_payload(new, is_late), place)
        return not is_last

    def _publish(
        self,
        connection: MqttConnection,
        topic: str,
        payload: bytes,
        place: dict[str, Any],
        expires_s: float | None = None,
    ) -> None:
        sent = _Sent(place)
        connection.publish(
            topic, payload, expires_s=expires_s, on_acknowledged=partial(self._acknowledge, sent)
        )
        self._unacknowledged.append(sent)
        self._sent = replace(self._sent, **place)

    def _acknowledge(self, sent: _Sent) -> None:
        """Advance the progress over all messages that were acknowledged before the first one that was not."""
        sent.is_acknowledged = True
        while self._unacknowledged and self._unacknowledged[0].is_acknowledged:
            self.progress = replace(self.progress, **self._unacknowledged.popleft().place)

    def _waiting(self, place: str) -> int:
        return sum(place in sent.place for sent in self._unacknowledged)

    def _is_late(self, new: NewEvent) -> bool:
        return new.boot_id != boot_id() or _age_s(new) > self._settings.max_age_s


class _Sent:
    """A message, and the progress once it and all messages before it are acknowledged."""

    def __init__(self, place: dict[str, Any]) -> None:
        self.place = place
        self.is_acknowledged = False


def _age_s(new: NewEvent) -> float:
    """Return the seconds since the end of an event of this boot; setting a clock does not change them."""
    return monotonic_s() - new.event.onset_s - new.event.duration_s
