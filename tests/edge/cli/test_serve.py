"""`birdedge serve` in a separate process: where it listens, who may reach it, and what it costs."""

from __future__ import annotations

import signal
import socket
import urllib.request
from pathlib import Path

import pytest

from birdedge.edge.integrations.web_token import read_token_digest, token_digest
from tests.support.commands import birdedge
from tests.support.serving import serving
from tests.support.waiting import wait_until

COMPANION_MB = 60.0


def get(url: str, **headers: str) -> tuple[int, str]:
    """Return the status and the text of a response."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def resident_mb(pid: int) -> float:
    (line,) = [
        line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")
    ]
    return int(line.split()[1]) / 1000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_its_url_serves_pages_in_little_memory_and_stops_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    with serving("out", cwd=tmp_path) as dashboard:
        assert dashboard.url == f"http://127.0.0.1:{dashboard.port}/"
        for page in ("", "events", "days", "health", "static/site.css"):
            assert get(dashboard.url + page)[0] == 200
        assert resident_mb(dashboard.process.pid) < COMPANION_MB
        maps = Path(f"/proc/{dashboard.process.pid}/maps").read_text()
        assert "onnxruntime" not in maps
        assert "numpy" not in maps
        # A viewer that stays connected does not keep it from stopping.
        with socket.create_connection(("127.0.0.1", dashboard.port)):
            dashboard.process.send_signal(number)
            assert dashboard.process.wait(timeout=20) == 0
    assert dashboard.log.read_text() == ""


def test_other_machines_reach_it_only_with_a_token(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    birdedge("config", "init", config, cwd=tmp_path)
    refused = birdedge("serve", "out", "--config", config, "--listen", "0.0.0.0:0", cwd=tmp_path, exit_code=1)
    assert refused == (
        "",
        "Error: others can reach 0.0.0.0:0: make a token first with `birdedge serve token`, or use 127.0.0.1\n",
    )
    token, hint = birdedge("serve", "token", "--config", config, cwd=tmp_path)
    assert read_token_digest(tmp_path / "web-token") == token_digest(token.strip())
    assert token.strip() not in hint
    with serving("out", "--config", config, cwd=tmp_path, listen="0.0.0.0:0") as dashboard:
        url = f"http://127.0.0.1:{dashboard.port}/"
        assert get(url)[0] == 401
        assert get(url, Authorization="Bearer guess")[0] == 401
        assert get(url, Authorization=f"Bearer {token.strip()}")[0] == 200
        assert get(f"{url}?token={token.strip()}")[0] == 401
    assert dashboard.log.read_text() == ""  # neither tokens nor requests


def test_a_folder_named_like_a_subcommand_can_be_given_as_a_path(tmp_path: Path) -> None:
    (tmp_path / "token").mkdir()
    with serving("./token", cwd=tmp_path) as dashboard:
        assert get(dashboard.url)[0] == 200


def test_once_there_is_a_token_loopback_needs_it_too(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[web]\nlanguage = 'de'\n")
    birdedge("serve", "token", "--config", config, cwd=tmp_path)
    with serving("out", "--config", config, cwd=tmp_path) as dashboard:
        assert get(dashboard.url)[0] == 401
        assert "Anmelden" in get(dashboard.url, Accept="text/html")[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "192.0.2.1"])
def test_an_unusable_address_is_a_one_sentence_error(tmp_path: Path, host: str) -> None:
    config = tmp_path / "config.toml"
    config.touch()
    config.write_text("\n")
    birdedge("serve", "token", "--config", config, cwd=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"{host}:{other.getsockname()[1]}"
        _, error = birdedge("serve", "out", "--listen", listen, "--config", config, cwd=tmp_path, exit_code=1)
    assert error.startswith(f"Error: listen is '{listen}', where nothing can listen (")
    assert error.count("\n") == 1


def test_a_client_that_sends_an_incomplete_or_too_long_request_is_dropped(tmp_path: Path) -> None:
    with (
        serving("out", cwd=tmp_path) as dashboard,
        socket.create_connection(("127.0.0.1", dashboard.port)) as slow,
    ):
        slow.settimeout(20)
        slow.sendall(b"GET / HTTP/1.1\r\n")
        with socket.create_connection(("127.0.0.1", dashboard.port)) as long:
            long.settimeout(20)
            long.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000)
            assert long.recv(100).startswith(b"HTTP/1.1 400")
        assert slow.recv(100) == b""
        assert get(dashboard.url)[0] == 200


def test_it_stays_within_its_memory_with_many_connections(tmp_path: Path) -> None:
    with serving("out", cwd=tmp_path) as dashboard:
        clients = [socket.create_connection(("127.0.0.1", dashboard.port), timeout=20) for _ in range(300)]
        for client in clients:
            client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert {client.recv(12) for client in clients} <= {b"HTTP/1.1 200", b"HTTP/1.1 429", b"HTTP/1.1 503"}
        assert resident_mb(dashboard.process.pid) < COMPANION_MB
        for client in clients:
            client.close()
        wait_until(lambda: get(dashboard.url)[0] == 200)
