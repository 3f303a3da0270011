"""The output of a recorder reaches subscribers through a real broker."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import pytest

from birdedge.edge.companion import mqtt
from birdedge.edge.companion.folders import RecorderFolder
from birdedge.edge.companion.mqtt_progress import FILE_NAME
from birdedge.edge.errors import DeliveryError, StoreError
from birdedge.edge.health import Health
from tests.support.mosquitto import Mosquitto, Subscriber, free_port, running_broker, subscribed
from tests.support.mqtt import (
    LiveRecorder,
    base_of,
    broker_settings,
    events,
    live_events,
    publishing,
    rows,
    topic_of,
)
from tests.support.waiting import wait_until

pytestmark = pytest.mark.usefixtures("fast_mqtt")


def test_a_recorder_is_announced_and_its_end_is_published(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    recorder.report(Health(device="USB Audio", free_mb=1234.5, temperature_c=51.0))
    recorder.detect()
    with publishing(recorder.folder, broker_settings(broker.port)):
        availability = topic_of(subscriber, "/availability")
        assert subscriber.texts(availability) == ["online"]
        status = subscriber.of(topic_of(subscriber, "/status"))[0]
        assert (status["state"], status["healthy"], status["events_today"]) == ("listening", True, 1)
        assert (status["free_mb"], status["temperature_c"], status["problems"]) == (1234, 51.0, [])
        assert status["site"] == "the wood"
        discovery = json.loads(subscriber.texts(topic_of(subscriber, "/config"))[0])
        assert discovery["dev"]["name"] == "birdedge the wood"
        assert {"disk", "temperature"} <= set(discovery["cmps"])
    wait_until(lambda: subscriber.texts(availability) == ["online", "offline"])
    assert availability.startswith("birdedge/the_wood_")


def test_an_event_is_published_for_automations_and_in_a_batch(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    with publishing(recorder.folder, broker_settings(broker.port)):
        topic_of(subscriber, "/availability")
        recorder.detect(low_hz=2000.0, high_hz=3500.0, score=0.96)
        wait_until(lambda: events(subscriber) and live_events(subscriber))
    (event,), (live,) = events(subscriber), live_events(subscriber)
    assert (live.pop("event_type"), live.pop("left_out")) == ("bird_sound", 0)
    assert live == event
    assert (event["low_hz"], event["score"], event["late"], event["row"]) == (2000.0, 0.96, False, 1)
    assert abs(time.time() - datetime.fromisoformat(event["onset"]).timestamp()) < 5.0


def test_a_burst_is_one_message_for_automations_and_complete_in_batches(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    with publishing(recorder.folder, broker_settings(broker.port, min_interval_s=1.0)):
        topic_of(subscriber, "/availability")
        recorder.detect(50)
        wait_until(lambda: len(events(subscriber)) == 50)
        recorder.detect(3)
        wait_until(lambda: len(events(subscriber)) == 53)
        time.sleep(1.0)
        recorder.detect(2)
        wait_until(lambda: len(live_events(subscriber)) == 2)
    assert rows(events(subscriber)) == list(range(1, 54)) + rows(events(subscriber))[53:]
    first, second = live_events(subscriber)
    assert (first["row"], first["left_out"]) == (1, 0)
    assert (second["row"], second["left_out"]) == (54, 52)


def test_events_from_before_mqtt_was_set_up_are_not_published(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    recorder.detect(10, ago_s=90.0)
    recorder.detect(2)
    with publishing(recorder.folder, broker_settings(broker.port)):
        wait_until(lambda: len(events(subscriber)) == 2)
    assert rows(events(subscriber)) == [11, 12]
    assert rows(live_events(subscriber)) == [11]


def test_a_gap_is_published_when_it_begins_and_when_it_ends(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    with publishing(recorder.folder, broker_settings(broker.port)):
        status = topic_of(subscriber, "/status")
        recorder.stream.break_off()
        recorder.run_log.commit()
        gap = topic_of(subscriber, "/gap")
        wait_until(lambda: subscriber.of(status)[-1]["state"] == "no_device")
        recorder.clocks.advance(0.5)
        recorder.stream.resume()
        recorder.run_log.commit()
        wait_until(lambda: len(subscriber.of(gap)) == 2)
        wait_until(lambda: subscriber.of(status)[-1]["state"] == "listening")
        recorder.stream.lose(0.25)
        recorder.run_log.commit()
        wait_until(lambda: len(subscriber.of(gap)) == 3)
    began, ended, lost = subscriber.of(gap)
    assert (began["cause"], began["lasts"], began["length_s"]) == ("device lost", True, None)
    assert (ended["id"], ended["lasts"], ended["late"]) == (began["id"], False, False)
    assert ended["length_s"] == pytest.approx(0.5, abs=0.01)
    assert (lost["cause"], lost["length_s"], lost["lasts"]) == ("overrun", pytest.approx(0.25), False)


def test_discovery_is_sent_again_when_home_assistant_starts(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    with publishing(recorder.folder, broker_settings(broker.port)):
        config = topic_of(subscriber, "/config")
        topic_of(subscriber, "/availability")
        subscriber.publish("homeassistant/status", "offline")
        time.sleep(0.3)
        assert len(subscriber.texts(config)) == 1
        subscriber.publish("homeassistant/status", "online")
        wait_until(lambda: len(subscriber.texts(config)) == 2)


def test_without_discovery_nothing_is_published_for_home_assistant(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    with publishing(recorder.folder, broker_settings(broker.port, discovery_topic="")):
        topic_of(subscriber, "/availability")
    assert all(name.startswith("birdedge/") for name, _, _ in subscriber.messages)


def test_an_alert_is_published_while_the_companion_is_running(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    settings = broker_settings(broker.port)
    folder = RecorderFolder("oak", recorder.folder)
    mqtt.publish_alert(folder, settings, "alert", {"rule": "disk"}, time.time() - 100.0)
    with publishing(recorder.folder, settings):
        availability = topic_of(subscriber, "/availability")
        mqtt.publish_alert(folder, settings, "resolved", {"rule": "disk"}, time.time())
    alerts = subscriber.of(availability.replace("availability", "alert"))
    assert alerts == [
        {"event_type": "alert", "rule": "disk", "late": True},
        {"event_type": "resolved", "rule": "disk", "late": False},
    ]
    wait_until(lambda: subscriber.texts(availability) == ["online", "offline"])
    broker.kill()
    with pytest.raises(DeliveryError):
        mqtt.publish_alert(folder, settings, "alert", {}, time.time())


def test_a_recorder_is_removed_from_the_broker(tmp_path: Path, recorder: LiveRecorder) -> None:
    folder = RecorderFolder("oak", recorder.folder)
    with running_broker(tmp_path / "broker") as broker:
        settings = broker_settings(broker.port)
        with subscribed(broker.port) as subscriber, publishing(recorder.folder, settings):
            topic_of(subscriber, "/availability")
            with pytest.raises(StoreError, match="is in use by another birdedge"):
                mqtt.remove(folder, settings)
        assert mqtt.remove(folder, settings) in base_of(recorder)
        with subscribed(broker.port) as late:
            late.publish("last", "")
            wait_until(lambda: late.texts("last"))
            retained = [name for name, text, is_retained in late.messages if is_retained and text]
            assert retained == []


def test_a_recorder_keeps_its_id(recorder: LiveRecorder) -> None:
    settings = broker_settings(free_port())
    with publishing(recorder.folder, settings):
        wait_until((recorder.folder / FILE_NAME).exists)
    before = base_of(recorder)
    (recorder.folder / FILE_NAME).write_text("")  # a damaged file
    with publishing(recorder.folder, settings):
        wait_until((recorder.folder / FILE_NAME).read_text)
    assert base_of(recorder) == before


def test_another_database_in_the_folder_is_published_from_its_first_event(
    broker: Mosquitto, subscriber: Subscriber, recorder: LiveRecorder
) -> None:
    with publishing(recorder.folder, broker_settings(broker.port)):
        topic_of(subscriber, "/availability")
        recorder.detect(5)
        wait_until(lambda: len(events(subscriber)) == 5)
        recorder.run_log.close()
        for path in recorder.folder.glob("birdedge.sqlite*"):
            path.rename(path.with_name(f"old-{path.name}"))
        other = LiveRecorder(recorder.folder)
        other.detect(3, low_hz=4000.0)
        wait_until(lambda: len(events(subscriber)) == 8)
    assert rows(events(subscriber)) == [1, 2, 3, 4, 5, 1, 2, 3]
    assert len({event["id"] for event in events(subscriber)}) == 8
