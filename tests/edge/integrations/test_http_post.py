"""A POST request ends in time, follows no redirect, and says whether a retry may help."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from birdedge import __version__
from birdedge.edge.errors import DeliveryError, DeliveryRefusedError
from birdedge.edge.integrations.http_post import MAX_RETRY_AFTER_S, ServerBusyError, post
from tests.support.certificates import Authority
from tests.support.http_servers import serving


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Accept connections, and let `answer` handle them; yield the host and port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=speak, args=(connection,), daemon=True).start()

        def speak(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                answer(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_a_body_arrives_with_its_headers() -> None:
    with serving() as server:
        answer = post(f"{server.url}/a/b?c=d", b'{"a": 1}', {"X-Key": "k"}, 5.0)
    (request,) = server.received
    assert (request.path, request.body) == ("/a/b?c=d", b'{"a": 1}')
    assert request.headers["x-key"] == "k"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"birdedge/{__version__}"
    assert answer == f"{server.url.removeprefix('http://')} answered 200 OK"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with serving() as server, serving() as other:
        server.answers = [(status, {"Location": f"{other.url}/elsewhere"})]
        with pytest.raises(DeliveryError, match="redirects are not followed") as raised:
            post(server.url, b"{}", {"Authorization": "Bearer secret"}, 5.0)
    assert not isinstance(raised.value, DeliveryRefusedError)
    assert len(server.received) == 1
    assert other.received == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_a_refusal_is_not_retried(status: int) -> None:
    with serving() as server:
        server.answers = [(status, {})]
        with pytest.raises(DeliveryRefusedError, match=f"answered {status}"):
            post(server.url, b"{}", {}, 5.0)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (500, None, None),
        (503, "7", 7.0),
        (429, "12", 12.0),
        (429, "999999", MAX_RETRY_AFTER_S),
        (429, "-5", None),
        (429, "soon", None),
        (429, "1" * 400, MAX_RETRY_AFTER_S),
        (408, None, None),
    ],
)
def test_a_busy_server_says_when_to_try_again(
    status: int, retry_after: str | None, seconds: float | None
) -> None:
    with serving() as server:
        server.answers = [(status, {} if retry_after is None else {"Retry-After": retry_after})]
        with pytest.raises(ServerBusyError) as raised:
            post(server.url, b"{}", {}, 5.0)
    assert raised.value.retry_after_s == seconds


def test_a_date_says_when_to_try_again() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    with serving() as server:
        server.answers = [(503, {"Retry-After": date})]
        with pytest.raises(ServerBusyError) as raised:
            post(server.url, b"{}", {}, 5.0)
    assert raised.value.retry_after_s == pytest.approx(90, abs=5)


def hang(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass
    time.sleep(30)


def drip(connection: socket.socket) -> None:
    connection.recv(4096)
    for byte in b"HTTP/1.1 200 " + b"O" * 27:
        connection.send(bytes([byte]))
        time.sleep(0.1)


def continue_without_end(connection: socket.socket) -> None:
    connection.recv(4096)
    while True:
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", [hang, drip, continue_without_end])
def test_a_server_that_never_finishes_takes_no_longer_than_the_timeout(
    answer: Callable[[socket.socket], None], scheme: str
) -> None:
    with raw_server(answer) as host:
        began_s = time.monotonic()
        with pytest.raises(DeliveryError, match="cannot be reached"):
            post(f"{scheme}://{host}/", b"{}", {}, 0.6)
        assert time.monotonic() - began_s < 3.0


def garbage(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.send(b"\0\1\2 nonsense\r\n\r\n")


def long_line(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.send(b"HTTP/1.1 200 OK\r\n" + b"X" * 200_000)


def many_headers(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.send(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000 + b"\r\n")


@pytest.mark.parametrize("answer", [garbage, long_line, many_headers, lambda _: None])
def test_an_invalid_answer_may_be_retried(answer: Callable[[socket.socket], None]) -> None:
    with (
        raw_server(answer) as host,
        pytest.raises(DeliveryError, match=f"{host} cannot be reached") as raised,
    ):
        post(f"http://{host}/", b"{}", {}, 5.0)
    assert not isinstance(raised.value, DeliveryRefusedError)


def test_the_body_of_the_answer_is_not_waited_for() -> None:
    def endless(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.send(bytes(1000))
            time.sleep(0.01)

    with raw_server(endless) as host:
        began_s = time.monotonic()
        assert post(f"http://{host}/", b"{}", {}, 10.0).endswith("answered 200 OK")
        assert time.monotonic() - began_s < 5.0


def test_the_error_for_a_closed_port_does_not_show_the_path() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(DeliveryError, match=f"127.0.0.1:{port} cannot be reached") as raised:
        post(f"http://127.0.0.1:{port}/secret-path", b"{}", {}, 5.0)
    assert "secret-path" not in str(raised.value)


def test_the_error_for_an_invalid_header_does_not_show_it() -> None:
    with (
        serving() as server,
        pytest.raises(DeliveryError, match="a character that HTTP does not allow") as raised,
    ):
        post(server.url, b"{}", {"Authorization": "Bearer secret\nold"}, 5.0)
    assert "secret" not in str(raised.value)


def test_an_untrusted_certificate_is_refused_and_named_as_the_reason(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority(tmp_path).sign("server"))

    def encrypt(connection: socket.socket) -> None:
        context.wrap_socket(connection, server_side=True)

    with (
        raw_server(encrypt) as host,
        pytest.raises(DeliveryError, match=r"cannot be reached .*certificate verify failed"),
    ):
        post(f"https://{host}/", b"{}", {}, 5.0)
