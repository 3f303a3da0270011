"""A local HTTP server that answers as a test specifies, including with errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Received:
    """A request that reached the server."""

    path: str
    headers: Mapping[str, str]  # by name in lower case
    body: bytes


@dataclass
class Server:
    """A server; each request uses up the first of `answers`, except for the last one, which is repeated.

    Attributes:
        url: its address, without a path.
        answers: status and headers of each.
        received: the requests so far.
    """

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=lambda: [(200, {})])
    received: list[Received] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, requests: int, timeout_s: float = 10.0) -> None:
        """Wait until this number of requests has arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= requests, timeout_s), self.received


@contextmanager
def serving() -> Iterator[Server]:
    """Serve on a free port of this machine."""
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with server.arrived:
                status, headers = server.answers[0]
                del server.answers[: len(server.answers) > 1]
                names = {name.lower(): value for name, value in self.headers.items()}
                server.received.append(Received(self.path, names, body))
                server.arrived.notify_all()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815  a redirect that is followed becomes a GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        http_server.daemon_threads = True
        server.url = f"http://127.0.0.1:{http_server.server_port}"
        threading.Thread(target=http_server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        http_server.shutdown()
