"""The position in the queue moves only with acknowledgements, and survives any interruption."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from birdedge.edge.companion import mqtt_feed
from birdedge.edge.companion.mqtt_feed import MAX_BATCH, MAX_UNACKNOWLEDGED, SAVE_S, Feed
from birdedge.edge.companion.mqtt_progress import FILE_NAME, Progress, read_progress
from birdedge.edge.database.connection import reading
from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.mqtt import MqttSettings
from birdedge.edge.integrations.mqtt_connection import MessageTooLargeError
from tests.support.mqtt import LiveRecorder


class Broker:
    """A connection whose acknowledgements a test sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any], float | None]] = []
        self.waiting: list[Callable[[], None]] = []
        self.max_events = MAX_BATCH

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        expires_s: float | None = None,
        on_acknowledged: Callable[[], None],
    ) -> None:
        table = json.loads(payload)
        if len(table.get("events", ())) > self.max_events:
            raise MessageTooLargeError
        self.sent.append((topic.rpartition("/")[2], table, expires_s))
        self.waiting.append(on_acknowledged)

    def acknowledge(self, *numbers: int) -> None:
        """Acknowledge some of the messages that wait, or all."""
        chosen = numbers or range(len(self.waiting))
        for acknowledge in [self.waiting[number] for number in chosen]:
            acknowledge()
        self.waiting = [wait for number, wait in enumerate(self.waiting) if number not in chosen]

    def rows(self, topic: str = "events") -> list[int]:
        """Return the rows of the events that were sent."""
        tables = [table for name, table, _ in self.sent if name == topic]
        return [event["row"] for table in tables for event in table.get("events", [table])]


@pytest.fixture
def broker() -> Broker:
    return Broker()


def feed_of(recorder: LiveRecorder, **changes: Any) -> Feed:
    with reading(recorder.folder) as db:
        progress = read_progress(recorder.folder, db, 60.0)
    return Feed(recorder.folder, MqttSettings(host="broker", **changes), progress)


def send(feed: Feed, recorder: LiveRecorder, broker: Broker) -> None:
    with reading(recorder.folder) as db:
        while feed.send(db, broker):  # type: ignore[arg-type]
            pass


def stored(recorder: LiveRecorder) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((recorder.folder / FILE_NAME).read_text())
    return table


def test_the_position_moves_only_with_acknowledgements(recorder: LiveRecorder, broker: Broker) -> None:
    feed = feed_of(recorder)
    recorder.detect(5)
    send(feed, recorder, broker)
    assert broker.rows() == [1, 2, 3, 4, 5]
    feed.save()
    assert (stored(recorder)["events"], stored(recorder)["live"]) == (0, 0)
    broker.acknowledge()
    feed.save()
    assert (stored(recorder)["events"], stored(recorder)["live"]) == (5, 5)


def test_the_position_does_not_skip_unacknowledged_events(recorder: LiveRecorder, broker: Broker) -> None:
    feed = feed_of(recorder)
    recorder.detect(3 * MAX_BATCH, ago_s=90.0)
    feed.restart(Progress(feed.recorder_id))
    send(feed, recorder, broker)
    assert len(broker.waiting) == 3
    broker.acknowledge(1, 2)
    assert feed.progress.events == 0
    broker.acknowledge(0)
    assert feed.progress.events == 3 * MAX_BATCH


def test_unacknowledged_events_are_sent_again_in_the_next_connection(
    recorder: LiveRecorder, broker: Broker
) -> None:
    feed = feed_of(recorder)
    recorder.detect(MAX_BATCH + 5)
    send(feed, recorder, broker)
    broker.acknowledge(0, 1)  # one for automations, and the first batch
    feed.restart()
    again = Broker()
    send(feed, recorder, again)
    assert again.rows() == list(range(MAX_BATCH + 1, MAX_BATCH + 6))
    assert again.rows("event") == []


def test_an_unacknowledged_event_for_automations_is_sent_again(
    recorder: LiveRecorder, broker: Broker
) -> None:
    feed = feed_of(recorder)
    recorder.detect()
    send(feed, recorder, broker)
    broker.acknowledge(1)  # the batch
    feed.save()
    assert stored(recorder)["live"] == 0
    feed.restart()
    again = Broker()
    send(feed, recorder, again)
    assert again.rows("event") == [1]


def test_only_a_few_batches_wait_for_acknowledgements(recorder: LiveRecorder, broker: Broker) -> None:
    feed = feed_of(recorder)
    recorder.detect(10 * MAX_BATCH)
    send(feed, recorder, broker)
    assert broker.rows() == list(range(1, MAX_UNACKNOWLEDGED * MAX_BATCH + 1))
    broker.acknowledge()
    send(feed, recorder, broker)
    assert broker.rows() == list(range(1, 2 * MAX_UNACKNOWLEDGED * MAX_BATCH + 1))


def test_an_old_event_is_late_and_starts_no_automation(recorder: LiveRecorder, broker: Broker) -> None:
    feed = feed_of(recorder)
    recorder.detect(2, ago_s=90.0)
    send(feed, recorder, broker)
    assert broker.rows("event") == []
    recorder.detect(1)
    send(feed, recorder, broker)
    assert broker.rows("event") == [3]
    lates = [event["late"] for name, table, _ in broker.sent if name == "events" for event in table["events"]]
    assert lates == [True, True, False]


def test_a_number_that_json_cannot_represent_is_null(recorder: LiveRecorder, broker: Broker) -> None:
    feed = feed_of(recorder)
    recorder.detect(snr_db=float("inf"))
    send(feed, recorder, broker)
    (batch,) = [table for name, table, _ in broker.sent if name == "events"]
    assert batch["events"][0]["snr_db"] is None


def test_an_event_of_another_boot_counts_as_late(
    recorder: LiveRecorder, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = feed_of(recorder)
    recorder.detect()
    monkeypatch.setattr(mqtt_feed, "boot_id", lambda: "another")
    send(feed, recorder, broker)
    assert broker.rows("event") == []
    assert broker.rows() == [1]


def test_a_message_for_automations_expires_when_its_event_is_old(
    recorder: LiveRecorder, broker: Broker
) -> None:
    feed = feed_of(recorder, max_age_s=30.0)
    recorder.detect(ago_s=11.5)  # it ended 11 s before the last audio, which is 1 s ago
    send(feed, recorder, broker)
    (expires_s,) = [expires_s for name, _, expires_s in broker.sent if name == "event"]
    assert expires_s == pytest.approx(18.0, abs=1.0)
    assert all(expires_s is None for name, _, expires_s in broker.sent if name != "event")


def test_a_new_event_does_not_wait_behind_a_long_history(recorder: LiveRecorder, broker: Broker) -> None:
    feed = feed_of(recorder)
    recorder.detect(500, ago_s=90.0)
    recorder.detect()
    send(feed, recorder, broker)
    assert broker.rows("event") == [501]
    assert 501 not in broker.rows()


def test_the_position_is_stored_at_intervals(
    recorder: LiveRecorder, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(mqtt_feed, "time", SimpleNamespace(monotonic=lambda: now_s))
    feed = feed_of(recorder)
    send(feed, recorder, broker)
    for after_s, events in ((1.0, 0), (SAVE_S + 0.1, 2)):
        recorder.detect()
        now_s = 1000.0 + after_s
        send(feed, recorder, broker)
        broker.acknowledge()
        recorder.detect()
        send(feed, recorder, broker)
        broker.acknowledge()
        assert stored(recorder)["events"] == events


def test_batches_shrink_if_the_broker_rejects_larger_ones(recorder: LiveRecorder, broker: Broker) -> None:
    feed = feed_of(recorder)
    recorder.detect(7)
    broker.max_events = 3
    while feed.progress.events < 7:
        send(feed, recorder, broker)
        broker.acknowledge()
    assert broker.rows() == list(range(1, 8))
    recorder.detect(1)
    broker.max_events = 0
    with pytest.raises(MessageTooLargeError):
        send(feed, recorder, broker)
    assert feed.progress.events == 7


def test_an_open_gap_is_sent_once_and_again_when_it_ends(recorder: LiveRecorder, broker: Broker) -> None:
    feed = feed_of(recorder)
    recorder.stream.break_off()
    recorder.run_log.commit()
    for _ in range(3):
        send(feed, recorder, broker)
        broker.acknowledge()
    assert [(table["lasts"], table["late"]) for _, table, _ in broker.sent] == [(True, False)]
    feed = Feed(recorder.folder, MqttSettings(host="broker"), feed.progress)  # after a restart
    recorder.stream.resume()
    recorder.run_log.commit()
    for _ in range(3):
        send(feed, recorder, broker)
        broker.acknowledge()
    assert [table["lasts"] for _, table, _ in broker.sent] == [True, False]


def test_only_its_own_file_is_written(recorder: LiveRecorder, broker: Broker) -> None:
    recorder.detect(30)
    database = recorder.folder / "birdedge.sqlite"
    before = {path: path.read_bytes() for path in (database, Path(f"{database}-wal"))}
    feed = feed_of(recorder)
    send(feed, recorder, broker)
    broker.acknowledge()
    feed.save()
    assert {path: path.read_bytes() for path in before} == before
    others = {path.name for path in recorder.folder.iterdir() if not path.name.startswith("birdedge.sqlite")}
    assert others == {FILE_NAME}


@pytest.mark.parametrize("recorder_id", ["", "Oak", "a/b", "+", "a" * 65])
def test_an_id_that_is_not_valid_in_a_topic_is_refused(recorder_id: str) -> None:
    with pytest.raises(SettingsError, match="recorder_id is"):
        Progress(recorder_id)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"recorder_id": "a/b"}', '{"events": 3}'])
def test_a_damaged_file_is_recreated(
    recorder: LiveRecorder, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.detect(4, ago_s=90.0)
    first = feed_of(recorder).progress
    (recorder.folder / FILE_NAME).write_text(text, encoding="utf-8")
    assert feed_of(recorder).progress == replace(first, events=4)
    assert "cannot be read" in caplog.text
