"""Recorders are watched, and alerts about them reach the targets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from birdedge.edge.companion import alerts
from birdedge.edge.companion.alert_rules import find
from birdedge.edge.companion.alert_targets import sender
from birdedge.edge.companion.alerts import AlertWatch, check_message
from birdedge.edge.companion.outbox import Outbox
from birdedge.edge.integrations.alerts import AlertSettings, TargetSettings
from birdedge.edge.integrations.home_assistant import ALERT_TYPES
from tests.support.http_servers import Server, serving
from tests.support.mosquitto import Mosquitto, Subscriber
from tests.support.mqtt import broker_settings, topic_of
from tests.support.streams import Clocks, MessageStream, kill, started
from tests.support.waiting import wait_until

NO_AUDIO = AlertSettings("no_audio", "no_audio", for_s=0.0)


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(alerts, "EVERY_S", 0.05)
    return tmp_path / "state"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def listened(folder: Path, until_utc_s: float) -> None:
    """Write the database of a recorder that listened until then, in a first or a later run."""
    clocks = Clocks(boot_s=until_utc_s - 1_000_010.0, utc_s=until_utc_s - 10.0)
    run_log = started(folder, clocks)
    stream = MessageStream(run_log.apply, clocks)
    stream.hear(10)
    stream.detect(9.0)
    kill(run_log)


@contextmanager
def watching(watch: AlertWatch) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=watch, args=(stop,), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(20.0)
        assert not thread.is_alive()


def bodies(server: Server) -> list[tuple[str, str, str]]:
    found = [json.loads(request.body) for request in server.received]
    return [(body["recorder"], body["alert"], body["state"]) for body in found]


def test_a_recorder_that_falls_silent_and_comes_back_is_reported(tmp_path: Path, server: Server) -> None:
    folder = tmp_path / "birds" / "oak"
    listened(folder, time.time() - 100.0)
    target = TargetSettings("hook", "webhook", server.url)
    with watching(AlertWatch((tmp_path / "birds",), [NO_AUDIO], [target])):
        server.wait_for(1)
        listened(folder, time.time())
        server.wait_for(2)
    assert bodies(server) == [("oak", "no_audio", "firing"), ("oak", "no_audio", "resolved")]
    first = json.loads(server.received[0].body)
    assert (first["site"], first["title"]) == ("the wood", "the wood: hears nothing")
    assert re.fullmatch(r"oak: it has stopped reporting audio, last audio 1\d\d s ago", first["text"])


def test_a_restart_of_the_companion_sends_nothing_twice(tmp_path: Path, server: Server) -> None:
    listened(tmp_path / "oak", time.time() - 100.0)
    target = TargetSettings("hook", "webhook", server.url)
    timezone = "UTC" if time.time() % 86_400 > 600 else "Asia/Tokyo"  # where the day started earlier
    first_bird = AlertSettings("first", "first_bird", timezone=timezone)
    for _ in range(2):
        with watching(AlertWatch((tmp_path / "oak",), [NO_AUDIO, first_bird], [target])):
            server.wait_for(2)
            time.sleep(0.3)
    assert sorted(bodies(server)) == [("oak", "first", "firing"), ("oak", "no_audio", "firing")]


def test_nothing_old_is_sent_after_an_outage_of_the_companion(tmp_path: Path, server: Server) -> None:
    """A recorder had no microphone and heard its first bird while no companion ran; now it hears again."""
    folder = tmp_path / "oak"
    now_s = time.time()
    listened(folder, now_s - 7200.0)
    listened(folder, now_s)
    rules = [NO_AUDIO, AlertSettings("first", "first_bird"), AlertSettings("many", "many_events", for_s=0.0)]
    watch = AlertWatch((folder,), rules, [TargetSettings("hook", "webhook", server.url)])
    outbox = Outbox(None, ["hook"])
    midnight_s = now_s // 86_400 * 86_400
    for later_s in range(0, 600, 10):
        watch.evaluate(outbox, later_s, now_s)
    sent = outbox.first("hook", 0.0)
    if now_s - 7200.0 > midnight_s + 20.0:  # otherwise the first bird of the day was heard just now
        assert sent is None


def test_a_recorder_that_vanishes_fires_the_no_audio_alert(tmp_path: Path, server: Server) -> None:
    for name in ("oak", "elm"):
        listened(tmp_path / "birds" / name, time.time() + 3600.0)
    target = TargetSettings("hook", "webhook", server.url)
    with watching(AlertWatch((tmp_path / "birds",), [NO_AUDIO], [target])):
        time.sleep(0.3)
        (tmp_path / "birds" / "elm").rename(tmp_path / "elm")
        server.wait_for(1)
    assert bodies(server) == [("elm", "no_audio", "firing")]


def test_the_text_of_an_alert_about_a_folder_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    watch = AlertWatch((tmp_path / "f\udcf6hre",), [NO_AUDIO], [TargetSettings("broker", "mqtt")])
    outbox = Outbox(None, ["broker"])
    watch.evaluate(outbox, 0.0, time.time())
    message = outbox.first("broker", 0.0)
    assert message is not None
    assert message.recorder == r"f\udcf6hre"
    assert rf"{tmp_path}/f\udcf6hre/birdedge.sqlite" in message.text


def test_alerts_cover_the_sources_they_name_and_go_to_their_targets(tmp_path: Path, server: Server) -> None:
    for name in ("oak", "elm"):
        listened(tmp_path / "birds" / name, time.time() - 100.0)
    rules = [
        AlertSettings("oak only", "no_audio", for_s=0.0, sources=("oak",), targets=("a",)),
        AlertSettings("both", "no_audio", for_s=0.0, targets=("b",)),
    ]
    targets = [TargetSettings(name, "webhook", f"{server.url}/{name}") for name in ("a", "b")]
    with watching(AlertWatch((tmp_path / "birds",), rules, targets)):
        server.wait_for(3)
        time.sleep(0.3)
    found = sorted((request.path, json.loads(request.body)["recorder"]) for request in server.received)
    assert found == [("/a", "oak"), ("/b", "elm"), ("/b", "oak")]


def test_two_companions_do_not_both_send_alerts(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    listened(tmp_path / "oak", time.time() - 100.0)
    target = TargetSettings("hook", "webhook", server.url)
    with watching(AlertWatch((tmp_path / "oak",), [NO_AUDIO], [target])):
        server.wait_for(1)
        with watching(AlertWatch((tmp_path / "oak",), [NO_AUDIO], [target])) as second:
            second.join(10.0)
            assert not second.is_alive()
    assert "no alerts are sent" in caplog.text
    assert len(server.received) == 1


def test_a_defect_in_a_rule_does_not_end_the_watch(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listened(tmp_path / "oak", time.time() - 100.0)
    failures = iter([RuntimeError("a defect")] * 3)

    def find_after_failures(*arguments: object) -> object:
        for error in failures:
            raise error
        return find(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(alerts, "find", find_after_failures)
    with watching(
        AlertWatch((tmp_path / "oak",), [NO_AUDIO], [TargetSettings("hook", "webhook", server.url)])
    ):
        server.wait_for(1)
    assert caplog.text.count("alerts cannot be evaluated") == 1


def test_alerts_load_no_heavy_package() -> None:
    script = (
        "import sys\n"
        "import birdedge.edge.companion.alerts, birdedge.edge.recorder.config\n"
        "print(sorted({'numpy', 'onnxruntime', 'starlette', 'paho'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


def messages_of(watch: AlertWatch, outbox: Outbox, seconds: range) -> list[tuple[str, str]]:
    """Return the recorder and state of each message that the evaluations at these seconds produce."""
    found: list[tuple[str, str]] = []
    for now_s in seconds:
        watch.evaluate(outbox, float(now_s), time.time())
        while (message := outbox.first("hook", 0.0)) is not None:
            found.append((message.recorder, message.state))
            outbox.remove("hook", message)
    return found


def test_a_folder_in_which_recorders_appear_later_is_no_longer_missing_one(tmp_path: Path) -> None:
    (tmp_path / "birds").mkdir()
    target = TargetSettings("hook", "webhook", "http://127.0.0.1:9/")
    watch, outbox = AlertWatch((tmp_path / "birds",), [NO_AUDIO], [target]), Outbox(None, ["hook"])
    assert messages_of(watch, outbox, range(0, 60, 10)) == [("birds", "firing")]
    listened(tmp_path / "birds" / "oak", time.time() + 3600.0)
    assert messages_of(watch, outbox, range(60, 4000, 10)) == [("birds", "resolved")]


def test_of_two_folders_with_one_name_each_has_its_own_alert(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "birds", tmp_path / "b" / "birds"
    for folder in (first, second):
        listened(folder, time.time() + 3600.0)
    target = TargetSettings("hook", "webhook", "http://127.0.0.1:9/")
    watch, outbox = AlertWatch((first, second), [NO_AUDIO], [target]), Outbox(None, ["hook"])
    assert messages_of(watch, outbox, range(0, 60, 10)) == []
    shutil.rmtree(second)
    assert messages_of(watch, outbox, range(60, 600, 10)) == [("birds-2", "firing")]
    shutil.rmtree(first)
    assert messages_of(watch, outbox, range(600, 1200, 10)) == [("birds", "firing")]


def test_the_broker_receives_what_home_assistant_expects(
    tmp_path: Path, broker: Mosquitto, subscriber: Subscriber
) -> None:
    listened(tmp_path / "birds" / "oak", time.time() - 100.0)
    watch = AlertWatch(
        (tmp_path / "birds",), [NO_AUDIO], [TargetSettings("broker", "mqtt")], broker_settings(broker.port)
    )
    with watching(watch):
        topic = topic_of(subscriber, "/alert")
        listened(tmp_path / "birds" / "oak", time.time())
        wait_until(lambda: len([name for name, _, _ in list(subscriber.messages) if name == topic]) == 2)
    found = [json.loads(text) for name, text, _ in subscriber.messages if name == topic]
    assert [message["event_type"] for message in found] == list(ALERT_TYPES)
    assert (found[0]["alert"], found[0]["recorder"]) == ("no_audio", "oak")


def test_a_test_reaches_the_broker(broker: Mosquitto, subscriber: Subscriber) -> None:
    send = sender(TargetSettings("broker", "mqtt"), broker_settings(broker.port))
    assert send(check_message()).endswith("has acknowledged a message to birdedge/test")
    assert topic_of(subscriber, "birdedge/test")
