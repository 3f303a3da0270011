"""Nothing that a recorder wrote is lost, whatever is killed, slow or too small, and nothing old is reported as new."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from birdedge.edge.companion import mqtt, mqtt_feed
from birdedge.edge.companion.mqtt_progress import FILE_NAME, LOCK_NAME
from birdedge.edge.errors import StoreError
from birdedge.edge.system.folder_lock import FolderLock
from tests.support.mosquitto import (
    Mosquitto,
    SlowLine,
    Subscriber,
    running_broker,
    subscribed,
)
from tests.support.mqtt import (
    LiveRecorder,
    broker_settings,
    events,
    live_events,
    publisher_process,
    publishing,
    rows,
    topic_of,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("fast_mqtt")


def test_events_without_a_broker_are_published_later_and_start_no_automation(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    broker.kill()
    with publishing(recorder.folder, broker_settings(broker.port, max_age_s=5.0)):
        wait_until((recorder.folder / FILE_NAME).exists)
        recorder.detect(70, ago_s=20.0)
        broker.start()
        wait_until(lambda: len(events(subscriber)) == 70)
        recorder.detect()
        wait_until(lambda: live_events(subscriber))
        wait_until(lambda: len(events(subscriber)) == 71)
    found = events(subscriber)
    assert rows(found) == list(range(1, 72))
    assert [event["late"] for event in found] == [True] * 70 + [False]
    assert rows(live_events(subscriber)) == [71]


def test_an_event_delayed_by_a_slow_connection_starts_no_automation(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    age_s = 1.0
    monkeypatch.setattr(mqtt_feed, "monotonic_s", lambda: recorder.clocks.boot_s + age_s)
    line = SlowLine(broker.port, 1e6)
    with publishing(recorder.folder, broker_settings(line.port)):
        topic_of(subscriber, "/availability")
        line.bytes_per_s = 10.0  # too slow for any message
        recorder.detect()
        time.sleep(0.5)
        assert live_events(subscriber) == []
        age_s = 100.0
        line.cut()
        line.bytes_per_s = 1e6
        wait_until(lambda: events(subscriber))
        time.sleep(0.3)
    assert live_events(subscriber) == []
    assert [event["late"] for event in events(subscriber)] == [True]


def test_two_companions_do_not_publish_the_same_recorder(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    lock = FolderLock(recorder.folder, LOCK_NAME)
    with publishing(recorder.folder, broker_settings(broker.port)):
        wait_until(lambda: "is in use by another birdedge" in caplog.text)
        assert subscriber.messages == []
        lock.release()
        topic_of(subscriber, "/availability")
    assert caplog.text.count("is in use by another birdedge") == 1


def test_events_are_published_although_the_disk_is_full(
    broker: Mosquitto,
    subscriber: Subscriber,
    recorder: LiveRecorder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(mqtt_feed, "write_progress", full)
    with publishing(recorder.folder, broker_settings(broker.port)):
        topic_of(subscriber, "/availability")
        recorder.detect(5)
        wait_until(lambda: len(events(subscriber)) == 5)
    assert caplog.text.count("the disk is full; a restart may publish events twice or leave some out") == 1


def test_each_event_arrives_whatever_is_killed(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    settings = broker_settings(broker.port, min_interval_s=0.0)
    with publisher_process(recorder.folder, settings):
        topic_of(subscriber, "/availability")
        recorder.detect(100)
        wait_until(lambda: len(events(subscriber)) > 20)
    recorder.detect(100)
    with publisher_process(recorder.folder, settings):
        wait_until(lambda: len(set(rows(events(subscriber)))) > 100)
        broker.kill()
        recorder.detect(100)
        broker.start()
        wait_until(lambda: len(set(rows(events(subscriber)))) > 220)
        broker.stop()
        broker.start()
        wait_until(lambda: len(set(rows(events(subscriber)))) == 300, timeout_s=20.0)
    found = events(subscriber)
    ids = [event["id"] for event in found]
    assert len(set(ids)) == 300
    assert len(ids) < 600  # repeated events were not acknowledged, or not stored as acknowledged
    firsts = [found[ids.index(number)]["row"] for number in dict.fromkeys(ids)]
    assert firsts == list(range(1, 301))


def test_a_flood_of_birth_messages_is_answered_at_a_limited_rate(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "REPORT_S", 0.5)
    began_s = time.monotonic()
    with publishing(recorder.folder, broker_settings(broker.port)):
        config = topic_of(subscriber, "/config")
        for _ in range(50):
            subscriber.publish("homeassistant/status", "online")
        subscriber.publish("homeassistant/status", "x" * 1_000_000)
        wait_until(lambda: len(subscriber.texts(config)) >= 2)
        recorder.detect()
        wait_until(lambda: events(subscriber))
    assert len(subscriber.texts(config)) <= 2 + (time.monotonic() - began_s) / 0.5
    assert subscriber.texts(topic_of(subscriber, "/availability"))[-1] == "offline"


def test_a_killed_companion_is_reported_offline(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    with publisher_process(recorder.folder, broker_settings(broker.port)):
        availability = topic_of(subscriber, "/availability")
        assert subscriber.texts(availability) == ["online"]
    wait_until(lambda: subscriber.texts(availability)[-1] == "offline")


def test_a_wrong_password_is_reported_once_and_can_be_corrected(
    tmp_path: Path, recorder: LiveRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    users, password_file = tmp_path / "users", tmp_path / "password"
    subprocess.run(["mosquitto_passwd", "-c", "-b", users, "bird", "right"], check=True)
    password_file.write_text("wrong", encoding="utf-8")
    password_file.chmod(0o600)
    options = f"allow_anonymous false\npassword_file {users}"
    with running_broker(tmp_path / "broker", options) as broker:
        settings = broker_settings(broker.port, user="bird", password_file=str(password_file))
        with publishing(recorder.folder, settings):
            wait_until(lambda: "Not authorized" in caplog.text)
            time.sleep(0.5)
            password_file.write_text("right", encoding="utf-8")
            with subscribed(
                broker.port, configure=lambda client: client.username_pw_set("bird", "right")
            ) as subscriber:
                recorder.detect()
                wait_until(lambda: events(subscriber))
    assert caplog.text.count("Not authorized") == 1
    assert "wrong" not in caplog.text


def test_a_slow_connection_delays_events_and_loses_none(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    line = SlowLine(broker.port, 20_000.0)
    with publishing(recorder.folder, broker_settings(line.port)):
        topic_of(subscriber, "/availability")
        recorder.detect(200)
        wait_until(lambda: len(events(subscriber)) == 200, timeout_s=20.0)
    assert rows(events(subscriber)) == list(range(1, 201))


def test_publishing_resumes_after_the_broker_hangs(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    settings = broker_settings(broker.port, keepalive_s=5)
    with publishing(recorder.folder, settings):
        topic_of(subscriber, "/availability")
        broker.hang()
        recorder.detect(30)
        time.sleep(1.0)
        broker.hang(still=False)
        wait_until(lambda: len(events(subscriber)) == 30)


def test_each_of_several_recorders_is_a_device(
    broker: Mosquitto, subscriber: Subscriber, tmp_path: Path
) -> None:
    for name in ("oak", "elm"):
        LiveRecorder(tmp_path / "site" / name)
    with publisher_process(tmp_path / "site", broker_settings(broker.port)):
        wait_until(lambda: len([n for n, _, _ in subscriber.messages if n.endswith("/availability")]) == 2)
    names = {
        json.loads(text)["dev"]["name"] for name, text, _ in subscriber.messages if name.endswith("/config")
    }
    assert names == {"birdedge the wood oak", "birdedge the wood elm"}
    devices = [
        json.loads(text)["dev"]["ids"] for name, text, _ in subscriber.messages if name.endswith("/config")
    ]
    assert len({*map(tuple, devices)}) == len(devices) == 2


@pytest.mark.parametrize("limit", ["max_packet_size 3500", "message_size_limit 3500"])
def test_batches_fit_a_broker_that_accepts_only_small_messages(
    tmp_path: Path, recorder: LiveRecorder, limit: str
) -> None:
    options = f"allow_anonymous true\n{limit}"
    with running_broker(tmp_path / "broker", options) as broker, subscribed(broker.port) as subscriber:
        recorder.detect(40)
        with publishing(recorder.folder, broker_settings(broker.port)):
            wait_until(lambda: len(set(rows(events(subscriber)))) == 40)
