"""Messages reach a target that fails, hangs or is unreachable, once and in order, or are given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from birdedge.edge.companion import alert_delivery
from birdedge.edge.companion.alert_delivery import FIRST_RETRY_S, MAX_AGE_S, MAX_RETRY_S, Delivery, retry_s
from birdedge.edge.companion.alert_targets import sender
from birdedge.edge.companion.outbox import Outbox, Waiting
from birdedge.edge.errors import DeliveryError, DeliveryRefusedError, SettingsError
from birdedge.edge.integrations.alert_message import AlertMessage
from birdedge.edge.integrations.alerts import TargetSettings
from birdedge.edge.integrations.http_post import ServerBusyError
from birdedge.edge.integrations.mqtt import MqttSettings
from tests.support.alerts import message
from tests.support.http_servers import Server, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "alerts.json", ["hook", "slow"], utc_s=lambda: message().utc_s)


@contextmanager
def delivering(*deliveries: Delivery) -> Iterator[None]:
    stop = threading.Event()
    threads = [threading.Thread(target=delivery, args=(stop,), daemon=True) for delivery in deliveries]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(20.0)


def to(server: Server, outbox: Outbox, name: str = "hook") -> Delivery:
    send = sender(TargetSettings(name, "webhook", server.url, timeout_s=1.0), MqttSettings())
    return Delivery(name, send, outbox)


def ids(server: Server) -> list[str]:
    return [request.headers["idempotency-key"] for request in server.received]


def wait_until(condition: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 20.0
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_a_server_that_fails_at_first_gets_the_same_message_until_it_accepts_it(
    outbox: Outbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_delivery, "FIRST_RETRY_S", 0.02)
    server.answers = [(500, {}), (429, {"Retry-After": "0"}), (302, {"Location": "/elsewhere"}), (200, {})]
    with delivering(to(server, outbox)):
        outbox.put({}, [Waiting("hook", message(id="1")), Waiting("hook", message(id="2"))])
        server.wait_for(5)
        wait_until(lambda: outbox.first("hook", 0.0) is None)
    assert ids(server) == ["1", "1", "1", "1", "2"]


def test_a_retry_waits_as_long_as_the_server_asks_for(
    outbox: Outbox, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_delivery, "FIRST_RETRY_S", 0.01)
    server.answers = [(503, {"Retry-After": "2"}), (200, {})]
    outbox.put({}, [Waiting("hook", message())])
    assert to(server, outbox).try_once(message()) == 2.0


def test_a_refused_message_does_not_hold_up_the_next_one(
    outbox: Outbox, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers = [(404, {}), (200, {})]
    with delivering(to(server, outbox)):
        outbox.put({}, [Waiting("hook", message(id="1")), Waiting("hook", message(id="2"))])
        server.wait_for(2)
    assert ids(server) == ["1", "2"]
    assert "is refused" in caplog.text
    assert "answered 404" in caplog.text


def test_a_target_that_hangs_does_not_hold_up_another(outbox: Outbox, server: Server) -> None:
    hanging = threading.Event()

    def hang(_message: AlertMessage) -> str:
        hanging.wait(20.0)
        return ""

    with delivering(Delivery("slow", hang, outbox), to(server, outbox)):
        outbox.put({}, [Waiting("slow", message()), Waiting("hook", message())])
        server.wait_for(1)
        hanging.set()


def test_waiting_messages_are_sent_after_a_restart(outbox: Outbox, server: Server, tmp_path: Path) -> None:
    outbox.put({}, [Waiting("hook", message(id="1")), Waiting("hook", message(id="2"))])
    again = Outbox(tmp_path / "alerts.json", ["hook", "slow"], utc_s=lambda: message().utc_s)
    with delivering(to(server, again)):
        server.wait_for(2)
        wait_until(lambda: again.first("hook", 0.0) is None)
    assert ids(server) == ["1", "2"]
    assert (
        Outbox(tmp_path / "alerts.json", ["hook", "slow"], utc_s=lambda: message().utc_s).first("hook", 0.0)
        is None
    )


def test_a_message_that_is_too_old_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[str] = []

    def send(message: AlertMessage) -> str:
        sent.append(message.id)
        return "fine"

    now_s = [0.0]
    outbox = Outbox(None, ["hook"], lambda: now_s[0])
    delivery = Delivery("hook", send, outbox)
    outbox.put({}, [Waiting("hook", message())])
    now_s[0] = MAX_AGE_S + 1.0
    assert delivery.try_once(message()) == 0.0
    assert (sent, outbox.first("hook", 0.0)) == ([], None)
    assert "is given up: it is 24 h old" in caplog.text


@pytest.mark.parametrize(
    "error",
    [DeliveryError("away"), SettingsError("no secret"), RuntimeError("a defect"), UnicodeError("odd")],
)
def test_an_error_keeps_the_message_and_is_logged_once(
    outbox: Outbox, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail(_message: AlertMessage) -> str:
        raise error

    delivery = Delivery("hook", fail, outbox)
    outbox.put({}, [Waiting("hook", message())])
    waits_s = [delivery.try_once(message()) for _ in range(3)]
    assert waits_s == sorted(waits_s)
    assert outbox.first("hook", 0.0) == message()
    assert caplog.text.count("waits: ") == 1


def test_waits_start_over_once_a_message_is_settled(outbox: Outbox) -> None:
    errors = [*[DeliveryError("away")] * 6, DeliveryRefusedError("no"), DeliveryError("away")]

    def send(_message: AlertMessage) -> str:
        raise errors.pop(0)

    delivery = Delivery("hook", send, outbox)
    waits_s = [delivery.try_once(message()) for _ in range(8)]
    assert waits_s[5] > 16 * FIRST_RETRY_S
    assert waits_s[6] == 0.0
    assert waits_s[7] <= FIRST_RETRY_S


def test_waits_double_with_jitter_up_to_an_hour() -> None:
    for failures in range(1, 2000, 7):
        full_s = min(FIRST_RETRY_S * 2.0 ** (failures - 1), MAX_RETRY_S) if failures < 50 else MAX_RETRY_S
        assert full_s / 2 <= retry_s(failures, None) <= full_s
    assert len({retry_s(3, None) for _ in range(20)}) > 10
    assert retry_s(1, 900.0) == 900.0
    assert retry_s(20, 1.0) >= MAX_RETRY_S / 2
    assert ServerBusyError("busy", 3.0).retry_after_s == 3.0
