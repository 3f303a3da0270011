"""A webhook receives JSON that it can verify, and the same key with each attempt."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from birdedge.edge.errors import SettingsError
from birdedge.edge.integrations.alerts import TargetSettings
from birdedge.edge.integrations.webhook import send
from tests.support.alerts import message
from tests.support.http_servers import serving


def secret(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return str(path)


def test_the_message_arrives_as_json() -> None:
    with serving() as server:
        send(TargetSettings("hook", "webhook", f"{server.url}/hook"), message(text="für Ötzi"))
    (request,) = server.received
    assert json.loads(request.body) == {
        "schema": 1,
        "id": "0123456789abcdef",
        "alert": "no_audio",
        "when": "no_audio",
        "state": "firing",
        "recorder": "oak",
        "site": "Oak 3",
        "text": "für Ötzi",
        "title": "Oak 3: hears nothing",
        "time": "2026-05-01T04:31:07Z",
    }
    assert request.path == "/hook"
    assert request.headers["idempotency-key"] == "0123456789abcdef"
    assert {"x-birdedge-signature", "x-birdedge-timestamp", "authorization"}.isdisjoint(request.headers)


def test_the_signature_equals_that_of_openssl_over_timestamp_and_body(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        "secret_file": secret(tmp_path / "key", "k3y with spaces ü\n"),
        "token_file": secret(tmp_path / "token", "tok\n"),
    }
    with serving() as server:
        send(TargetSettings("hook", "webhook", server.url, **files), message())
    (request,) = server.received
    timestamp = request.headers["x-birdedge-timestamp"]
    assert abs(int(timestamp) - time.time()) < 60
    done = subprocess.run(
        [
            "openssl",
            "dgst",
            "-sha256",
            "-mac",
            "HMAC",
            "-macopt",
            f"hexkey:{'k3y with spaces ü'.encode().hex()}",
        ],
        input=timestamp.encode() + b"." + request.body,
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert request.headers["x-birdedge-signature"] == f"sha256={done.stdout.split()[-1].decode()}"
    assert request.headers["authorization"] == "Bearer tok"


def test_each_attempt_has_its_own_timestamp_and_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target_key = secret(tmp_path / "key", "key")
    with serving() as server:
        target = TargetSettings("hook", "webhook", server.url, secret_file=target_key)
        for now_s in (1000.0, 2000.0):
            monkeypatch.setattr(time, "time", lambda now_s=now_s: now_s)
            send(target, message())
    first, second = (request.headers for request in server.received)
    assert first["idempotency-key"] == second["idempotency-key"]
    assert (first["x-birdedge-timestamp"], second["x-birdedge-timestamp"]) == ("1000", "2000")
    assert first["x-birdedge-signature"] != second["x-birdedge-signature"]


def test_a_secret_url_is_read_from_a_file(tmp_path: Path) -> None:
    with serving() as server:
        file = secret(tmp_path / "url", f"{server.url}/services/T0/XYZ\n")
        send(TargetSettings("hook", "webhook", url_file=file), message())
    assert server.received[0].path == "/services/T0/XYZ"


@pytest.mark.parametrize("url", ["not a url", "http://user:pass@host/", "http://a/b c"])
def test_a_file_without_a_url_is_an_error_that_does_not_show_it(tmp_path: Path, url: str) -> None:
    file = secret(tmp_path / "url", url)
    with pytest.raises(SettingsError, match="holds no URL") as raised:
        send(TargetSettings("hook", "webhook", url_file=file), message())
    assert url not in str(raised.value)


@pytest.mark.parametrize("key", ["url_file", "token_file", "secret_file"])
def test_a_secret_that_others_can_read_is_refused_and_nothing_is_sent(tmp_path: Path, key: str) -> None:
    file = tmp_path / "secret"
    with serving() as server:
        file.write_text(server.url, encoding="utf-8")
        file.chmod(0o644)
        url = "" if key == "url_file" else server.url
        files: dict[str, Any] = {key: str(file)}
        with pytest.raises(SettingsError, match="0644"):
            send(TargetSettings("hook", "webhook", url, **files), message())
    assert server.received == []
