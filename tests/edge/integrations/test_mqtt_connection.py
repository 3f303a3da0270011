"""Messages reach a real broker once they are acknowledged, and each failure is a sentence."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.errors import DeliveryError, SettingsError
from birdedge.edge.integrations import mqtt_connection
from birdedge.edge.integrations.mqtt import MqttSettings
from birdedge.edge.integrations.mqtt_connection import MessageTooLargeError, connected, publish_once
from tests.support.certificates import Authority
from tests.support.mosquitto import HOST, Mosquitto, free_port, running_broker, subscribed
from tests.support.waiting import wait_until


def settings_of(broker: Mosquitto, **changes: Any) -> MqttSettings:
    return replace(MqttSettings(host=HOST, port=broker.port, keepalive_s=5), **changes)


def test_a_message_is_acknowledged_and_arrives(tmp_path: Path) -> None:
    acknowledged = []
    with running_broker(tmp_path) as broker, subscribed(broker.port) as subscriber:
        with connected(settings_of(broker), "a") as connection:
            connection.publish("x/y", b"1", on_acknowledged=lambda: acknowledged.append(1))
            assert not acknowledged
            connection.drain()
            assert acknowledged == [1]
        wait_until(lambda: subscriber.messages == [("x/y", "1", False)])


def test_more_messages_than_may_be_in_flight_wait_for_acknowledgements(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path, "allow_anonymous true\nmax_inflight_messages 2") as broker,
        subscribed(broker.port) as subscriber,
        connected(settings_of(broker), "a") as connection,
    ):
        for number in range(100):
            connection.publish("x", str(number).encode())
        connection.drain()
        wait_until(lambda: len(subscriber.messages) == 100)
        assert [int(text) for _, text, _ in subscriber.messages] == list(range(100))


@pytest.mark.parametrize("is_clean", [True, False])
def test_the_will_is_published_unless_the_connection_ends_cleanly(tmp_path: Path, is_clean: bool) -> None:
    with running_broker(tmp_path) as broker, subscribed(broker.port) as subscriber:
        with connected(settings_of(broker), "a", ("x/availability", "offline")) as connection:
            if not is_clean:
                connection._client.socket().shutdown(socket.SHUT_RDWR)
                with pytest.raises(DeliveryError):
                    connection.loop(1.0)
        publish_once(settings_of(broker), "b", "x/last", b"")
        wait_until(lambda: subscriber.texts("x/last"))
        assert subscriber.texts("x/availability") == ([] if is_clean else ["offline"])


def test_a_broker_that_cannot_be_reached_is_reported() -> None:
    settings = MqttSettings(host=HOST, port=free_port())
    with pytest.raises(
        DeliveryError, match=r"127\.0\.0\.1:\d+ cannot be reached \(Connection refused\): check host"
    ):
        publish_once(settings, "a", "x", b"")
    with pytest.raises(DeliveryError, match=r"no-such-host\.invalid:1883 cannot be reached"):
        publish_once(MqttSettings(host="no-such-host.invalid"), "a", "x", b"")


def test_a_server_that_is_not_a_broker_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_connection, "TIMEOUT_S", 0.4)
    with socket.create_server((HOST, 0)) as server:
        settings = MqttSettings(host=HOST, port=server.getsockname()[1])
        with pytest.raises(DeliveryError, match="does not answer"):
            publish_once(settings, "a", "x", b"")
        client, _ = server.accept()
        with client:
            client.settimeout(5.0)
            while client.recv(100):  # until it is closed
                pass
        with pytest.raises(DeliveryError, match="cannot be reached"):
            # paho-mqtt 2.1 waits this long for the answer to a handshake.
            publish_once(replace(settings, tls=True, keepalive_s=5), "a", "x", b"")


def test_a_broker_that_hangs_ends_the_connection(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker, connected(settings_of(broker), "a") as connection:
        connection._client._keepalive = 1
        broker.hang()
        connection.publish("x", b"")
        with pytest.raises(DeliveryError, match=r"acknowledges nothing for 0\.3 s"):
            connection.drain(0.3)
        with pytest.raises(DeliveryError, match=r"ended \(Keep alive timeout\)"):
            connection.drain(10.0)


def test_a_password_is_read_from_its_file(tmp_path: Path) -> None:
    password_file, users = tmp_path / "password", tmp_path / "users"
    subprocess.run(["mosquitto_passwd", "-c", "-b", users, "bird", "s3cret"], check=True)
    password_file.write_text("s3cret\n", encoding="utf-8")
    password_file.chmod(0o600)
    with running_broker(tmp_path, f"allow_anonymous false\npassword_file {users}") as broker:
        settings = settings_of(broker, user="bird", password_file=str(password_file))
        publish_once(settings, "a", "x", b"")
        password_file.write_text("wrong\n", encoding="utf-8")
        with pytest.raises(DeliveryError, match=r"\(Not authorized: check user, password_file") as caught:
            publish_once(settings, "a", "x", b"")
        assert "wrong" not in str(caught.value)
        with pytest.raises(DeliveryError, match="Not authorized"):
            publish_once(settings_of(broker), "a", "x", b"")


def test_a_topic_without_write_permission_is_reported(tmp_path: Path) -> None:
    rights = tmp_path / "rights"
    rights.write_text("topic read #\ntopic write x/#\n", encoding="utf-8")
    with running_broker(tmp_path, f"allow_anonymous true\nacl_file {rights}") as broker:
        publish_once(settings_of(broker), "a", "x/1", b"")
        with pytest.raises(
            DeliveryError, match=r"refuses y/1 \(Not authorized\): check the rights of its user"
        ):
            publish_once(settings_of(broker), "a", "y/1", b"")


def test_the_certificates_of_broker_and_client_are_both_checked(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    certificate, key = authority.sign("broker")
    own, own_key = authority.sign("recorder")
    foreign, foreign_key = other.sign("foreign")
    options = (
        f"allow_anonymous true\ncafile {authority.file}\ncertfile {certificate}\nkeyfile {key}\n"
        "require_certificate true"
    )
    with running_broker(tmp_path, options) as broker:
        files = {"certificate_file": str(own), "key_file": str(own_key)}
        settings = settings_of(broker, tls=True, ca_file=str(authority.file), **files)
        publish_once(settings, "a", "x", b"")
        with pytest.raises(DeliveryError, match="is not trusted"):
            publish_once(replace(settings, ca_file=str(other.file)), "a", "x", b"")
        with pytest.raises(DeliveryError, match="is not trusted"):
            publish_once(replace(settings, ca_file=None), "a", "x", b"")
        with pytest.raises(DeliveryError, match=r"is not trusted .*Hostname mismatch"):
            publish_once(replace(settings, host="localhost"), "a", "x", b"")
        for changes in (
            {"certificate_file": None, "key_file": None},
            {"certificate_file": str(foreign), "key_file": str(foreign_key)},
        ):
            with pytest.raises(DeliveryError):
                publish_once(replace(settings, **changes), "a", "x", b"")
        with pytest.raises(DeliveryError):  # a client without TLS
            publish_once(settings_of(broker), "a", "x", b"")


def test_unreadable_certificates_are_reported(tmp_path: Path) -> None:
    missing = MqttSettings(host=HOST, tls=True, ca_file=str(tmp_path / "missing.pem"))
    with pytest.raises(SettingsError, match=r"missing\.pem cannot be used \(No such file or directory\)"):
        publish_once(missing, "a", "x", b"")
    (tmp_path / "text.pem").write_text("text", encoding="utf-8")
    text = MqttSettings(host=HOST, tls=True, certificate_file=str(tmp_path / "text.pem"))
    with pytest.raises(SettingsError, match=r"text\.pem cannot be used .*; name PEM files"):
        publish_once(text, "a", "x", b"")


def test_another_client_with_the_same_id_is_reported(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker, connected(settings_of(broker), "a") as connection:
        publish_once(settings_of(broker), "a", "x", b"")
        with pytest.raises(DeliveryError, match="another client took its id"):
            connection.loop(1.0)


def test_a_message_that_is_too_large_is_reported(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path, "allow_anonymous true\nmax_packet_size 2000") as broker,
        connected(settings_of(broker), "a") as connection,
    ):
        connection.publish("x", bytes(1000))
        with pytest.raises(MessageTooLargeError, match="takes no message as large as that for x"):
            connection.publish("x", bytes(2000))
        connection.publish("x", bytes(1000))  # the connection still works
        connection.drain()


def test_an_expired_message_is_not_delivered_to_later_subscribers(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        with subscribed(broker.port):
            pass  # its session stays
        with connected(settings_of(broker), "a") as connection:
            connection.publish("x", b"1", expires_s=0.0)
            connection.publish("x", b"2", expires_s=60.0)
            connection.publish("x", b"3")
            connection.drain()
        time.sleep(2.1)
        with subscribed(broker.port) as subscriber:
            wait_until(lambda: "3" in subscriber.texts("x"))
            assert subscriber.texts("x") == ["2", "3"]


def test_messages_of_a_subscription_are_received(tmp_path: Path) -> None:
    with (
        running_broker(tmp_path) as broker,
        subscribed(broker.port) as other,
        connected(settings_of(broker), "a") as connection,
    ):
        connection.subscribe("homeassistant/status")
        connection.loop(1.0)
        other.publish("homeassistant/status", "online")
        other.publish("homeassistant/other", json.dumps({}))
        while not connection.received:
            connection.loop(1.0)
        assert connection.received == [("homeassistant/status", b"online")]
